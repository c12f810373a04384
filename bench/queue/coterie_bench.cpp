// Coterie's side of `make bench-queue`: what a user would write, on the public API alone, by the contract
// that bench/bench-queue states and that the peers' programs beside this one keep.
//
//   bench_queue_coterie PORT|URL MODE A [B]
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/gather.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"

namespace {

using namespace coterie;
using namespace coterie::queue;

constexpr std::uint64_t batch_jobs = 1000;
constexpr int bulk_producers = 4;  // of one client: making a batch and sending the last one overlap
constexpr std::uint64_t sample_of_check = 1000;

// Numbers stand in the first twelve characters; the quotes make it JSON of 200 and 100 bytes.
std::string quoted(std::string text, std::size_t bytes, char with) {
  text.insert(text.begin(), '"');
  text.append(bytes - 1 - text.size(), with);
  text.push_back('"');
  return text;
}

std::string number(std::uint64_t n) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%012llu", static_cast<unsigned long long>(n));
  return text.data();
}

std::string payload_of(std::uint64_t n) {
  return quoted(number(n), 200, 'x');
}

std::string result_of(const std::string& payload) {
  return quoted(payload.substr(1, 12), 100, 'y');
}

std::uint64_t wall_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

double seconds_since(TimePoint start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// One line a job, "NUMBER NANOSECONDS", for bench-queue to read.
std::string latency_file() {
  const char* path = std::getenv("BENCH_LATENCIES");
  return path != nullptr ? path : "/dev/null";
}

Task<std::string> no_op(JobContext&, std::string payload) {
  co_return result_of(payload);
}

Task<std::string> stamp(JobContext&, std::string payload) {
  const std::uint64_t now = wall_ns();
  static const int file = ::open(latency_file().c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const std::string sent = payload.substr(14, 20);
  const std::string line = payload.substr(1, 12) + " " + std::to_string(now - std::stoull(sent)) + "\n";
  if (::write(file, line.data(), line.size()) < 0) std::perror("bench_queue_coterie: latencies");
  co_return result_of(payload);
}

/// Some words about what was wrong, and another try at once, or none.
Task<std::string> fail(JobContext&, std::string) {
  throw RetryAfter(Milliseconds{0},
                   "cannot fetch https://example.org/: connection refused by 203.0.113.7 port "
                   "443, after 3 tries in 5 s");
  co_return "";
}

JobSpec job(std::string name, std::string payload) {
  JobSpec spec(std::move(name), std::move(payload));
  spec.queue = "bench";
  return spec;
}

std::vector<JobSpec> batch(std::uint64_t from, std::uint64_t to, Milliseconds kept) {
  std::vector<JobSpec> jobs;
  jobs.reserve(to - from);
  for (; from < to; ++from) jobs.emplace_back(job("no_op", payload_of(from))).result_ttl = kept;
  return jobs;
}

/// What the tasks of one process share.
struct Bulk {
  std::uint64_t next = 0;
  std::uint64_t end = 0;
  TimePoint until = TimePoint::max();
  Milliseconds kept = JobSpec().result_ttl;
  std::vector<std::string> ids;  // by the job's number
  bool keep_ids = false;
};

Task<void> put_batches(Client client, std::shared_ptr<Bulk> bulk) {
  while (bulk->next < bulk->end && Clock::now() < bulk->until) {
    std::uint64_t from = bulk->next;
    const std::uint64_t to = std::min(bulk->end, from + batch_jobs);
    bulk->next = to;
    std::vector<JobSpec> jobs = batch(from, to, bulk->kept);
    std::vector<JobId> ids = co_await client.enqueue(std::move(jobs));
    if (!bulk->keep_ids) continue;
    for (const JobId& id : ids) bulk->ids[from++] = id.str();
  }
}

Task<void> put_all(Client client, std::shared_ptr<Bulk> bulk) {
  std::vector<Task<void>> tasks;
  tasks.reserve(bulk_producers);
  for (int i = 0; i < bulk_producers; ++i) tasks.push_back(put_batches(client, bulk));
  co_await gather(std::move(tasks));
}

Task<void> fill(Client client, std::uint64_t count, std::string ids, Milliseconds kept) {
  auto bulk = std::make_shared<Bulk>();
  bulk->end = count;
  bulk->kept = kept;
  bulk->keep_ids = ids != "/dev/null";
  if (bulk->keep_ids) bulk->ids.resize(count);
  const TimePoint start = Clock::now();
  co_await put_all(client, bulk);
  std::printf("{\"jobs\": %llu, \"seconds\": %.6f}\n", static_cast<unsigned long long>(count),
              seconds_since(start));
  std::ofstream file(ids);
  for (const std::string& id : bulk->ids) file << id << '\n';
}

/// Jobs that fail until they are dead.
Task<void> fill_failing(Client client, std::uint64_t count, std::uint32_t attempts) {
  for (std::uint64_t from = 0; from < count; from += batch_jobs) {
    std::vector<JobSpec> jobs = batch(from, std::min(count, from + batch_jobs), JobSpec().result_ttl);
    for (JobSpec& spec : jobs) {
      spec.name = "fail";
      spec.max_attempts = attempts;
    }
    co_await client.enqueue(std::move(jobs));
  }
  std::printf("{\"jobs\": %llu}\n", static_cast<unsigned long long>(count));
}

Task<void> enqueue(Client client, double seconds) {
  const auto span = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  TimePoint start = Clock::now();
  std::uint64_t singles = 0;
  while (Clock::now() - start < span) {
    JobSpec spec = job("no_op", payload_of(singles));
    co_await client.enqueue(std::move(spec));
    ++singles;
  }
  const double single_per_s = static_cast<double>(singles) / seconds_since(start);
  auto bulk = std::make_shared<Bulk>();
  bulk->end = UINT64_MAX;
  start = Clock::now();
  bulk->until = start + span;
  co_await put_all(client, bulk);
  const double bulk_per_s = static_cast<double>(bulk->next) / seconds_since(start);
  std::printf(
      "{\"single_per_s\": %.1f, \"bulk_per_s\": %.1f, \"bulk\": \"enqueue(1000 jobs), %d at a time\"}\n",
      single_per_s, bulk_per_s, bulk_producers);
}

/// Jobs at fixed times, each awaited. The first goes ahead alone: the worker is there when it has come
/// through.
Task<void> produce(Client client, std::uint64_t count, double rate) {
  const auto gap = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / rate));
  TimePoint due = Clock::now();
  for (std::uint64_t n = 0; n < count; ++n) {
    const TimePoint now = Clock::now();
    if (due > now) co_await sleep(due - now);
    std::array<char, 40> head{};
    std::snprintf(head.data(), head.size(), "%012llu %020llu", static_cast<unsigned long long>(n),
                  static_cast<unsigned long long>(wall_ns()));
    JobSpec spec = job("stamp", quoted(head.data(), 200, 'x'));
    co_await client.enqueue(std::move(spec));
    due += gap;
    if (n > 0) continue;
    std::error_code error;
    while (std::filesystem::file_size(latency_file(), error) == 0 || error)
      co_await sleep(std::chrono::milliseconds(10));
    due = Clock::now() + gap;
  }
  std::printf("{\"sent\": %llu}\n", static_cast<unsigned long long>(count));
}

/// Reads up to a thousand results, evenly spread, as any user would.
Task<void> check(Client client, std::uint64_t count, std::string ids) {
  std::ifstream file(ids);
  const std::uint64_t step = std::max<std::uint64_t>(1, (count + sample_of_check - 1) / sample_of_check);
  std::uint64_t looked = 0;
  std::uint64_t right = 0;
  std::string id;
  for (std::uint64_t n = 0; std::getline(file, id); ++n) {
    if (n % step != 0) continue;
    const std::optional<Uuid> key = parse_uuid(id);
    if (!key) continue;
    std::optional<JobInfo> info = co_await client.get(*key);
    ++looked;
    if (info && info->state == JobState::done && info->result == result_of(payload_of(n))) ++right;
  }
  std::printf("{\"looked\": %llu, \"right\": %llu}\n", static_cast<unsigned long long>(looked),
              static_cast<unsigned long long>(right));
}

int work(const std::string& url, std::uint32_t concurrency) {
  std::vector<std::string> queues{"bench"};
  Worker worker(url, WorkerOptions().concurrency(concurrency).queues(queues));
  worker.handle_raw("no_op", no_op).handle_raw("stamp", stamp).handle_raw("fail", fail);
  return worker.run();
}

/// Workers that have nothing to do, in one process and over one broker, until it is killed.
Task<void> idle(std::string url, std::uint64_t count) {
  const std::shared_ptr<Broker> broker = open_broker(url);
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Task<void>> serving;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::vector<std::string> queues{"bench"};
    workers.push_back(
        std::make_unique<Worker>(broker, WorkerOptions().concurrency(1).queues(std::move(queues))));
    workers.back()->handle_raw("no_op", no_op);
    serving.push_back(workers.back()->serve());
  }
  co_await gather(std::move(serving));
}

int usage() {
  std::fputs(
      "usage: bench_queue_coterie PORT|URL fill JOBS IDS-FILE [KEPT-MS] | fill_failing JOBS ATTEMPTS | "
      "enqueue SECONDS | drain CONCURRENCY | serve CONCURRENCY | produce JOBS RATE | check JOBS IDS-FILE | "
      "idle WORKERS\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 3) return usage();
  const bool is_url = args[0].find(':') != std::string::npos;
  const std::string url = is_url ? args[0] : "redis://127.0.0.1:" + args[0];
  const std::string& mode = args[1];
  const double value = std::stod(args[2]);
  const auto whole = static_cast<std::uint64_t>(value);
  if (mode == "drain" || mode == "serve") return work(url, static_cast<std::uint32_t>(whole));
  if (mode == "idle") return run(idle(url, whole));
  if (mode == "enqueue") return run(enqueue(Client(url), value));
  if (args.size() < 4) return usage();
  if (mode == "fill") {
    const Milliseconds kept = args.size() > 4 ? Milliseconds(std::stoll(args[4])) : JobSpec().result_ttl;
    return run(fill(Client(url), whole, args[3], kept));
  }
  if (mode == "fill_failing")
    return run(fill_failing(Client(url), whole, static_cast<std::uint32_t>(std::stoul(args[3]))));
  if (mode == "produce") return run(produce(Client(url), whole, std::stod(args[3])));
  if (mode == "check") return run(check(Client(url), whole, args[3]));
  return usage();
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_queue_coterie: %s\n", error.what());
  return 1;
}
