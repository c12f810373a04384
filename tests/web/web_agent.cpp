// The other side of the browser's tests: a worker with jobs in every state, and texts that would like to be
// markup in every field that a user controls. web_agent BROKER_URL [--calm] [--many N]; says "ready" when all
// have arrived where they stay. `--many`: so many more wait in a queue that nobody takes from.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/worker.hpp"

namespace {

using namespace coterie;
using queue::JobState;

const std::vector<std::string> corpus{
    "<img src=x onerror=\"window.__xss=1\">", "<script>window.__xss=2</script>",
    "\"><svg onload=window.__xss=3>",         "javascript:window.__xss=4",
    "'-alert(1)-' ${window.__xss=5} {{7*7}}", "</title><iframe srcdoc=\"<script>parent.__xss=6</script>\">",
};

/// As a JSON string; the texts have nothing but quotes to escape.
std::string json(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\\\"") : std::string(1, c);
  return out + "\"";
}

Task<std::string> returns_it(queue::JobContext&, std::string payload) {
  co_return payload;
}
Task<std::string> fails_with_it(queue::JobContext&, std::string payload) {
  const bool plain = payload.find("declined") != std::string::npos;
  throw std::runtime_error(plain ? "card declined by the bank" : payload);
  co_return "null";
}
Task<std::string> shows_it(queue::JobContext& job, std::string payload) {
  co_await job.progress(0.42, payload.substr(1, payload.size() - 2));  // out of its quotes
  Event never;
  co_await never.wait();
  co_return "null";
}
Task<void> speak_smtp() {
  co_await sleep(std::chrono::milliseconds(1));
  throw std::runtime_error("550 no such mailbox\n<ann@example.org>: user unknown");
}
Task<void> send_mail() {
  co_await speak_smtp();
}
Task<std::string> fails_deep_down(queue::JobContext&, std::string) {
  co_await send_mail();
  co_return "null";
}
/// What it was given to keep to itself, in every text that it can leave behind.
Task<std::string> logs_in(queue::JobContext& job, std::string payload) {
  if (payload.find("stays") == std::string::npos)
    throw queue::PermanentError("no login with correct horse, 4711-0815: " + payload);
  co_await job.progress(0.5, "asking the bank for DE02120300000000202051");
  Event never;
  co_await never.wait();
  co_return "null";
}
Task<std::string> counts(queue::JobContext& job, std::string) {
  for (int step = 1;; ++step) {
    co_await job.progress(0.25, "step " + std::to_string(step));
    co_await sleep(std::chrono::milliseconds(200));
  }
}
Task<std::string> resizes(queue::JobContext& job, std::string) {
  co_await job.progress(0.5, "half of it");
  co_await sleep(std::chrono::milliseconds(150));
  co_return R"({"width":320,"bytes":9007199254740993})";
}

queue::JobSpec spec_of(const std::string& name, const std::string& payload,
                       const std::string& queue = "default") {
  queue::JobSpec spec(name, payload);
  spec.queue = queue;
  spec.max_attempts = 1;
  return spec;
}

/// Enqueues all, and waits until those that end have ended and those that stay run.
Task<void> fill(std::shared_ptr<queue::Broker> broker, bool calm, std::size_t many) {
  queue::Client client(broker);
  if (many > 0) {
    std::vector<queue::JobSpec> archived(many, spec_of("archive", "null", "archive"));
    (void)co_await client.enqueue(std::move(archived));
  }
  std::vector<queue::JobSpec> ends;
  for (int i = 0; i < 60; ++i)
    ends.push_back(spec_of("thumbnail",
                           R"({"path":"photos/)" + std::to_string(i) + R"(.jpg","user":{"id":)" +
                               std::to_string(9007199254740993 + i) + "}}",
                           "images"));
  for (int i = 0; i < 4; ++i)
    ends.push_back(spec_of(
        "charge card",
        R"({"order":)" + std::to_string(1000 + i) + R"(,"reason":"card declined by the bank"})", "billing"));
  std::vector<queue::JobSpec> stay;
  const std::string login =
      R"({"user":"ann","password":"correct horse","pin":"4711-0815","iban":"DE02120300000000202051")";
  ends.push_back(spec_of("login", login + "}", "accounts"));
  stay.push_back(spec_of("login", login + R"(,"until":"it stays"})", "accounts"));
  stay.push_back(spec_of("import", "\"orders.csv: line 42,118 of 100,000\"", "reports"));
  if (!calm) {
    for (const std::string& text : corpus) {
      ends.push_back(spec_of(text, json(text), text));
      ends.push_back(spec_of("charge card", json(text), text));
      ends.back().headers = {{"note", text}, {text, "its name"}};
    }
    stay.push_back(spec_of("import", json(corpus[0]), corpus[0]));
    stay.push_back(spec_of("count", "null", "images"));
    ends.push_back(spec_of("send mail", "null", "images"));
  }
  const std::vector<queue::JobId> ended = co_await client.enqueue(std::move(ends));
  const std::vector<queue::JobId> stays = co_await client.enqueue(std::move(stay));
  for (const queue::JobId& id : ended) (void)co_await client.wait(id);
  queue::JobSpec later = spec_of("report", R"({"month":"2026-11"})", "reports");
  later.delay = std::chrono::hours(3);
  (void)co_await client.enqueue(std::move(later));
  queue::JobSpec after = spec_of("publish", "null", "reports");
  after.after = {stays[1]};
  (void)co_await client.enqueue(std::move(after));
  // Nobody takes from this queue.
  for (int i = 0; i < 7; ++i)
    (void)co_await client.enqueue(spec_of("send", R"({"to":"ann@example.org"})", "mail"));
  for (;;) {
    const std::vector<std::optional<queue::JobInfo>> now = co_await broker->get(stays, false);
    if (std::all_of(now.begin(), now.end(), [](const auto& job) { return job && job->progress > 0; })) break;
    co_await sleep(std::chrono::milliseconds(20));
  }
  std::puts("ready");
  std::fflush(stdout);
  // What goes on: work that a chart shows.
  for (int i = 0;; ++i) {
    (void)co_await client.enqueue(
        spec_of("thumbnail", R"({"path":"photos/live)" + std::to_string(i) + R"(.jpg"})", "images"));
    co_await sleep(std::chrono::milliseconds(i % 20 < 10 ? 60 : 180));
  }
}

/// A task and what it waits for have names of the program's own.
Task<void> waits_for_it(const char* name) {
  Event never(name);
  co_await never.wait();
}
/// Workers that only say that they are there, by each of the names.
Task<void> stands_by(std::shared_ptr<queue::Broker> broker, std::string name) {
  queue::WorkerOptions options;
  options.queues({"spare"}).name(std::move(name)).concurrency(1);
  queue::Worker worker(broker, options);
  worker.handle_raw("nothing", returns_it);
  co_await worker.serve();
}

Task<int> work(std::string url, bool calm, std::size_t many) {
  const std::shared_ptr<queue::Broker> broker = queue::open_broker(url);
  queue::WorkerOptions options;
  std::vector<std::string> queues{"images", "billing", "reports", "accounts"};
  if (!calm) queues.insert(queues.end(), corpus.begin(), corpus.end());
  options.queues(queues).name(calm ? "host-7:4711" : corpus[1]).concurrency(8);
  queue::Worker worker(broker, options);
  worker.handle_raw("thumbnail", resizes);
  worker.handle_raw("charge card", fails_with_it);
  worker.handle_raw("login", logs_in).redact("login", {"pin"});
  worker.handle_raw("import", shows_it);
  worker.handle_raw("count", counts);
  worker.handle_raw("send mail", fails_deep_down);
  if (!calm)
    for (const std::string& text : corpus) worker.handle_raw(text, returns_it);
  auto both = [&](TaskGroup& group) -> Task<void> {
    group.spawn(fill, broker, calm, many);
    if (!calm)
      for (const std::string& text : corpus) {
        group.spawn(named(text), waits_for_it, text.c_str());
        if (text != corpus[1]) group.spawn(stands_by, broker, text);
      }
    co_await worker.serve();
  };
  co_await task_group(both);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("web_agent BROKER_URL [--calm] [--many N]\n", stderr);
    return 2;
  }
  bool calm = false;
  std::size_t many = 0;
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--calm") == 0) calm = true;
    if (std::strcmp(argv[i], "--many") == 0 && i + 1 < argc) many = std::strtoul(argv[i + 1], nullptr, 10);
  }
  try {
    return coterie::run(work(argv[1], calm, many));
  } catch (const coterie::Interrupted&) {
    return 0;
  }
}
