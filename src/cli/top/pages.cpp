// What stands in each page's table.
#include <algorithm>
#include <map>
#include <set>

#include "src/cli/output.hpp"
#include "src/cli/top/listing.hpp"

namespace coterie::cli::top {
namespace {

using queue::JobInfo;
using queue::JobState;
using queue::UnixMillis;

constexpr std::size_t spark_columns = 20;

Cell number_cell(std::uint64_t number, Tone tone = Tone::plain) {
  return {number == 0 ? "-" : human_count(number), static_cast<double>(number),
          number == 0 ? Tone::faint : tone};
}
Cell time_cell(UnixMillis since, UnixMillis now, Tone tone = Tone::plain) {
  if (since == 0) return {"-", -1, Tone::faint};
  const UnixMillis time = std::max<UnixMillis>(0, now - since);
  return {human_time(time), static_cast<double>(time), tone};
}
Cell text_cell(std::string text, Tone tone = Tone::plain) {
  return {std::move(text), 0, tone};
}
Cell tries_cell(const JobInfo& job) {
  return {std::to_string(job.attempt) + "/" + std::to_string(job.max_attempts),
          static_cast<double>(job.attempt), job.attempt > 1 ? Tone::warn : Tone::plain};
}
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string bar(double part, bool utf8) {
  constexpr std::size_t cells = 10;
  const auto full = static_cast<std::size_t>(std::min(std::max(part, 0.0), 1.0) * cells);
  std::string out;
  for (std::size_t i = 0; i < cells; ++i) out += i < full ? (utf8 ? "━" : "#") : (utf8 ? "─" : ".");
  return out + " " + std::to_string(static_cast<int>(part * 100)) + "%";
}

/// Where a broker has more of them than it was asked for.
std::string note_of(const char* which, const std::vector<JobInfo>& shown, std::uint64_t all) {
  if (shown.size() < Sample::most_jobs || all <= shown.size()) return "";
  return std::string("The ") + which + " " + human_count(shown.size()) + " of " + human_count(all) +
         "; `coterie jobs` lists all.";
}

Listing queues(const Sample& sample, bool utf8) {
  Listing listing;
  listing.columns = {{"QUEUE", false, 9, 40, 16}, {"READY", true, 8},        {"RUNNING", true, 8},
                     {"SCHEDULED", true, 4},      {"BLOCKED", true, 3},      {"DONE", true, 2},
                     {"DEAD", true, 7},           {"LONGEST WAIT", true, 6}, {"RATE", true, 5},
                     {"ENDED, LATELY", false, 1}};
  listing.nothing = "No jobs. Put one in: coterie enqueue --exec 'date'";
  for (const QueueRow& queue : sample.queues) {
    Row row;
    row.key = row.queue = queue.info.name;
    row.cells.push_back(queue.paused ? text_cell(queue.info.name + " (paused)", Tone::warn)
                                     : text_cell(queue.info.name));
    row.cells.push_back(number_cell(queue.count(JobState::ready)));
    row.cells.push_back(number_cell(queue.count(JobState::leased), Tone::good));
    row.cells.push_back(number_cell(queue.count(JobState::scheduled)));
    row.cells.push_back(number_cell(queue.count(JobState::blocked)));
    row.cells.push_back(number_cell(queue.count(JobState::done)));
    row.cells.push_back(number_cell(queue.count(JobState::dead), Tone::bad));
    row.cells.push_back(time_cell(queue.info.oldest_ready_at, sample.now));
    row.cells.push_back(
        {rate_text(queue.rate()), queue.rate(), queue.rate() > 0 ? Tone::plain : Tone::faint});
    row.cells.push_back({sparkline(queue.ended_per_second, spark_columns, utf8), queue.rate(), Tone::good});
    listing.rows.push_back(std::move(row));
  }
  return listing;
}

Row job_row(const JobInfo& job) {
  Row row;
  row.key = job.id.str();
  row.job = job.id;
  row.queue = job.queue;
  row.cells.push_back(text_cell(job.name));
  row.cells.push_back(text_cell(job.queue));
  row.cells.push_back(tries_cell(job));
  return row;
}

Listing running(const Sample& sample, bool utf8) {
  Listing listing;
  listing.columns = {{"JOB", false, 9},    {"QUEUE", false, 4, 16}, {"TRY", true, 6},
                     {"RUNS", true, 8},    {"PROGRESS", false, 7},  {"NOTE", false, 5, 60, 16},
                     {"WORKER", false, 3}, {"ID", false, 2, 36}};
  listing.note = note_of("oldest", sample.running, sample.total(JobState::leased));
  listing.nothing = "Nothing runs. Start a worker: coterie worker --allow-exec, or your own program's";
  for (const JobInfo& job : sample.running) {
    Row row = job_row(job);
    row.cells.push_back(time_cell(job.started_at, sample.now));
    row.cells.push_back(job.progress > 0 ? Cell{bar(job.progress, utf8), job.progress, Tone::good}
                                         : Cell{"-", 0, Tone::faint});
    row.cells.push_back(job.cancel_requested ? text_cell("cancel requested", Tone::warn)
                                             : text_cell(first_line(job.progress_note)));
    row.cells.push_back(text_cell(job.worker, Tone::faint));
    row.cells.push_back(text_cell(job.id.str(), Tone::faint));
    listing.rows.push_back(std::move(row));
  }
  return listing;
}

Listing failed(const Sample& sample) {
  Listing listing;
  listing.columns = {{"JOB", false, 9},   {"QUEUE", false, 4, 16},    {"TRY", true, 6},
                     {"FAILED", true, 7}, {"WHY", false, 8, 200, 30}, {"ID", false, 2, 36}};
  listing.note = note_of("newest", sample.failed, sample.total(JobState::dead));
  listing.nothing = "Nothing has failed for good.";
  for (const JobInfo& job : sample.failed) {
    Row row = job_row(job);
    row.cells.push_back(time_cell(job.finished_at, sample.now));
    row.cells.push_back(job.error
                            ? text_cell(job.error->type + ": " + first_line(job.error->message), Tone::bad)
                            : text_cell(""));
    row.cells.push_back(text_cell(job.id.str(), Tone::faint));
    listing.rows.push_back(std::move(row));
  }
  return listing;
}

struct Worker {
  const queue::WorkerInfo* said = nullptr;  // of itself; null: nothing
  std::uint64_t jobs = 0;
  UnixMillis since = 0;
  std::set<std::string> queues;
  std::map<std::string, std::uint64_t> names;

  [[nodiscard]] Cell state() const {
    if (said != nullptr && said->state == queue::WorkerState::lost) return text_cell("lost", Tone::bad);
    if (said != nullptr && said->state == queue::WorkerState::ended) return text_cell("ended", Tone::warn);
    return jobs > 0 ? text_cell("works", Tone::good) : text_cell("idle", Tone::faint);
  }
  [[nodiscard]] std::string takes_from() const {
    std::string all;
    const auto add = [&all](const std::string& queue) { all += (all.empty() ? "" : ", ") + queue; };
    if (said != nullptr)
      std::ranges::for_each(said->report.queues, add);
    else
      std::ranges::for_each(queues, add);
    return all;
  }
  [[nodiscard]] std::string runs() const {
    std::string all;
    for (const auto& [handler, count] : names)
      all += (all.empty() ? "" : ", ") + (count > 1 ? std::to_string(count) + " " : "") + handler;
    return all;
  }
};

/// By name. A worker that was started again has that of the one before: the one that lives counts.
std::map<std::string, Worker> workers_of(const Sample& sample) {
  std::map<std::string, Worker> all;
  for (const queue::WorkerInfo& info : sample.fleet.workers) {
    Worker& worker = all[info.report.worker.name];
    if (worker.said == nullptr) worker.said = &info;  // those that live come first
  }
  for (const JobInfo& job : sample.running) {
    Worker& worker = all[job.worker];
    ++worker.jobs;
    if (job.started_at != 0)
      worker.since = worker.since == 0 ? job.started_at : std::min(worker.since, job.started_at);
    worker.queues.insert(job.queue);
    ++worker.names[job.name];
  }
  std::erase_if(all, [](const auto& each) {
    const Worker& worker = each.second;
    return worker.jobs == 0 && worker.said->state == queue::WorkerState::ended;
  });
  return all;
}

Listing workers(const Sample& sample) {
  Listing listing;
  listing.columns = {{"WORKER", false, 9, 40},  {"STATE", false, 8}, {"JOBS", true, 8},
                     {"LONGEST", true, 7},      {"HEARD", true, 3},  {"QUEUES", false, 4, 30},
                     {"RUNS", false, 6, 80, 16}};
  listing.note = note_of("oldest", sample.running, sample.total(JobState::leased));
  if (sample.fleet.more) listing.note = "And others that were heard of before these.";
  listing.nothing = "No workers. Start one: coterie worker --allow-exec, or your own program's";
  for (const auto& [name, worker] : workers_of(sample)) {
    Row row;
    row.key = name;
    row.cells = {text_cell(name),
                 worker.state(),
                 number_cell(worker.jobs, Tone::good),
                 time_cell(worker.since, sample.now),
                 time_cell(worker.said != nullptr ? worker.said->heard_at : 0, sample.now),
                 text_cell(worker.takes_from()),
                 text_cell(worker.runs())};
    listing.rows.push_back(std::move(row));
  }
  return listing;
}

/// A row a line: a tree with stacks is what a dump is.
Listing tasks(const Sample& sample) {
  Listing listing;
  listing.columns = {{"PID", true, 2}, {"TASKS", false, 9, 1000, 30}};
  listing.unfolds = true;  // a lock and who holds it stand at the end of long lines
  listing.nothing = "No other process of this machine and user runs tasks that can be looked at.";
  for (const ProcessTasks& process : sample.processes) {
    std::size_t number = 0;
    for (std::size_t at = 0; at < process.dump.size();) {
      const std::size_t end = std::min(process.dump.find('\n', at), process.dump.size());
      const std::string line = process.dump.substr(at, end - at);
      at = end + 1;
      Row row;
      row.key = std::to_string(process.pid) + " " + std::to_string(number++);
      const Tone tone = line.starts_with("coterie dump") ? Tone::strong
                        : line.starts_with("deadlock")   ? Tone::bad
                        : line.find(" at ") != std::string::npos && line.find('#') == std::string::npos
                            ? Tone::faint
                            : Tone::plain;
      row.cells = {Cell{std::to_string(process.pid), 0, Tone::faint}, text_cell(line, tone)};
      listing.rows.push_back(std::move(row));
    }
  }
  return listing;
}

}  // namespace

Listing listing_of(const Sample& sample, const View& view, bool utf8) {
  Listing listing;
  switch (view.page) {
    case Page::queues:
      listing = queues(sample, utf8);
      break;
    case Page::running:
      listing = running(sample, utf8);
      break;
    case Page::failed:
      listing = failed(sample);
      break;
    case Page::workers:
      listing = workers(sample);
      break;
    case Page::tasks:
      listing = tasks(sample);
      break;
  }
  arrange(listing, view);
  return listing;
}

}  // namespace coterie::cli::top
