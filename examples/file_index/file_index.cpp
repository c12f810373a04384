// Indexes a folder through a durable queue: a job for each file, and one that sums up when all of them are
// final.
//
//     file_index [DIR] [--broker URL] [-j N] [--workers N] [--dashboard] [--json] [--once]
//
// The jobs stand in a file (or whatever --broker names), so nothing is lost when this program is stopped or
// killed: started again it goes on with the same files. Started twice at once, both work on them. When all
// are done, the next start reads everything anew.
#include <cstdio>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/json.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/run.hpp"
#include "dashboard.hpp"
#include "display.hpp"
#include "errors.hpp"
#include "helpers.hpp"
#include "index_file.hpp"
#include "options.hpp"
#include "walk.hpp"

namespace file_index {
namespace {

using namespace coterie;
using namespace std::chrono_literals;

/// Results are kept for so long, and a run that was stopped can be continued for as long.
constexpr auto keep = std::chrono::days(7);
constexpr auto finished = "finished";

/// The run of this folder that is not finished, or else a new one. The broker keeps its name as a note beside
/// the jobs; `put_note` writes only over what we have read, so that two processes agree on one run.
Task<std::string> join_run(queue::Broker& broker, const std::string& note) {
  for (;;) {
    const std::optional<std::string> open = co_await broker.get_note(note);
    if (open && *open != finished) co_return *open;
    const std::string run = "file_index." + queue::new_uuid().str();
    const bool mine = co_await broker.put_note(note, open, run);
    if (mine) co_return run;
  }
}

/// A job for each file, small ones first, and one that waits for them all. Ids are made from the run and the
/// path: what was enqueued before a crash is not enqueued again.
Task<void> enqueue_files(queue::Client& client, const std::string& run, const Options& options) {
  const std::optional<queue::JobInfo> known = co_await client.get(queue::derived_uuid(run), false);
  if (known) co_return;  // a run that goes on, and all of it is there
  const Listing listing = co_await list_files(options.folder, options.database);
  const std::size_t limit = client.broker()->limits().dependencies;
  if (listing.entries.size() > limit)
    throw queue::BadRequest("more than " + std::to_string(limit) +
                            " files: index the folders below one by one");

  const SummaryJob args(run, listing.entries.size(), listing.links);
  queue::JobSpec last("summarise", queue::to_json(args));
  last.id = queue::derived_uuid(run);
  last.queue = run;
  last.result_ttl = keep;
  std::vector<queue::JobSpec> batch;
  for (const Entry& entry : listing.entries) {
    const FileJob file(encode_path(entry.path));
    queue::JobSpec& spec = batch.emplace_back("index_file", queue::to_json(file));
    spec.id = queue::derived_uuid(run + '/' + entry.path);
    spec.queue = run;
    spec.priority = entry.bytes < 64 << 10 ? 2 : entry.bytes < 1 << 20 ? 1 : 0;
    spec.result_ttl = keep;
    last.after.push_back(spec.id);
    if (batch.size() < 1000) continue;
    co_await client.enqueue(std::move(batch));
    batch.clear();
  }
  batch.push_back(std::move(last));
  co_await client.enqueue(std::move(batch));
}

/// The last job: reads what the others left behind, a page at a time.
Task<Summary> summarise(queue::Broker& broker, SummaryJob job) {
  Summary sum;
  std::uint64_t found = 0;
  sum.links = job.links;
  queue::JobFilter filter;
  filter.queue = job.queue;
  filter.name = "index_file";
  filter.bodies = true;
  do {
    const queue::JobPage page = co_await broker.list(filter);
    found += page.jobs.size();
    for (const queue::JobInfo& info : page.jobs) {
      if (info.state == queue::JobState::done)
        sum.add(queue::from_json<FileFacts>(info.result));
      else
        sum.add_failure(info.error ? info.error->type : std::string(to_string(info.state)),
                        queue::from_json<FileJob>(info.payload).path);
    }
    filter.after = page.next;
  } while (filter.after != 0);
  if (found < job.files)
    throw queue::PermanentError("stopped for too long: some results are kept no more; start again");
  co_return sum;
}

/// Redraws the progress until it is cancelled. The broker counts, so what other processes do shows too.
Task<void> show(Progress& progress, queue::Broker& broker, const std::string& run) {
  for (;;) {
    const std::vector<queue::QueueInfo> queues = co_await broker.queues();
    for (const queue::QueueInfo& queue : queues)
      if (queue.name == run) progress.update(queue);
    co_await sleep(100ms);
  }
}

void add_handlers(queue::Worker& worker, queue::Broker& broker) {
  worker.handle("index_file", index_file);
  worker.handle("summarise", [&broker](SummaryJob job) { return summarise(broker, std::move(job)); });
}

/// What a helper does: works with the others until the last job has ended.
Task<int> work_along(Options options, std::shared_ptr<queue::Broker> broker) {
  queue::Client client(broker);
  queue::Worker worker(broker, queue::WorkerOptions().queues({options.join}).concurrency(options.jobs));
  add_handlers(worker, *broker);
  co_await task_group([&](TaskGroup& group) -> Task<void> {
    group.spawn(named("worker"), &queue::Worker::serve, &worker);
    (void)co_await client.wait(queue::derived_uuid(options.join));
    worker.drain();
  });
  co_return 0;
}

/// Enqueues, works and draws, all at once, until the last job has ended. However this ends, the worker has
/// then ended too.
Task<queue::JobInfo> work(const std::shared_ptr<queue::Broker>& broker, const Options& options,
                          const std::string& run, const std::shared_ptr<Progress>& progress) {
  queue::Client client(broker);
  queue::Worker worker(broker,
                       queue::WorkerOptions().queues({run}).concurrency(options.jobs).observer(progress));
  add_handlers(worker, *broker);
  co_return co_await task_group([&](TaskGroup& group) -> Task<queue::JobInfo> {
    group.spawn(named("worker"), &queue::Worker::serve, &worker);
    auto display =
        group.spawn(named("display"), show, std::ref(*progress), std::ref(*broker), std::cref(run));
    JoinHandle<void> pages;
    if (options.dashboard) pages = group.spawn(named("dashboard"), show_dashboard, broker, progress);
    co_await enqueue_files(client, run, options);
    for (std::uint32_t i = 1; i < options.workers; ++i)
      group.spawn(named("helper"), run_helper, options, run);
    queue::JobInfo last = co_await client.wait(queue::derived_uuid(run));
    worker.drain();
    display.cancel();
    if (pages) pages.cancel();
    co_return last;
  });
}

Task<int> index_folder(Options options, std::shared_ptr<queue::Broker> broker) {
  const std::string note = "file_index/" + queue::derived_uuid(options.folder).str();
  const std::string run = co_await join_run(*broker, note);
  const auto progress = std::make_shared<Progress>();
  progress->say("listing " + encode_path(options.folder) + " …");
  Outcome<queue::JobInfo> end = co_await outcome(work(broker, options, run, progress));
  progress->clear();
  if (end.cancelled()) progress->say_stopped(broker->url());
  const queue::JobInfo last = std::move(end).get();  // throws, if that is how it ended
  co_await broker->put_note(note, run, finished);
  if (last.state != queue::JobState::done)
    throw queue::JobFailed(last.id, last.state, last.error.value_or(queue::JobError()));
  const auto sum = queue::from_json<Summary>(last.result);
  const std::string text = options.json ? last.result + "\n" : table(sum, *progress, options.folder);
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  const std::string again = options.dashboard ? how_to_look_again(broker->url()) : std::string();
  if (!again.empty()) std::fprintf(stderr, "\nlook at its jobs again:  %s\n", again.c_str());
  co_return 0;
}

}  // namespace
}  // namespace file_index

int main(int argc, char** argv) {
  using namespace coterie;
  const file_index::Options options = file_index::parse_options(argc, argv);
  const auto fail = [](const std::exception& error, int code) {
    std::fprintf(stderr, "file_index: %s\n", error.what());
    return code;
  };
  try {
    auto broker = queue::open_broker(options.broker);
    return file_index::run_unwrapped(options.join.empty() ? file_index::index_folder(options, broker)
                                                          : file_index::work_along(options, broker));
  } catch (const queue::BadBroker& error) {
    return fail(error, 3);
  } catch (const queue::BrokerUnavailable& error) {
    return fail(error, 3);
  } catch (const std::exception& error) {  // an ExceptionGroup too: what() names each error in it
    return fail(error, 1);
  }
}
