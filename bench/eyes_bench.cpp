// What looking costs. Prints one JSON line, medians of 21 looks in milliseconds:
//   held      how long a loop of 10,000 suspended tasks, three coroutines deep, stands still for a dump
//   dump      that, and the dump as text
//   dump_json that, and the dump as JSON, all tasks of it
//   scrape    a page of metrics with 200 names of jobs
// and bytes that are there whether somebody looks or not:
//   frame     of the stack in each coroutine: its caller and its line. The third word of a Frame, the way in,
//   is
//             what cancellation goes by
//   task      of a task's record
// bench/stacks-cost --check compares them with what is allowed.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "coterie/core/frame.hpp"
#include "coterie/core/task_rec.hpp"
#include "coterie/coterie.hpp"
#include "coterie/debug/dump.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/metrics.hpp"
#include "coterie/queue/worker.hpp"
#include "src/debug/capture.hpp"

namespace {

using namespace coterie;
using namespace std::chrono_literals;

constexpr int tasks = 10'000;
constexpr std::size_t names = 200;
using Times = std::array<double, 21>;

template <class Fn>
double milliseconds(Fn fn) {
  const auto begin = std::chrono::steady_clock::now();
  fn();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

double median(Times times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

Task<void> sleep_below(int levels) {
  if (levels > 0)
    co_await sleep_below(levels - 1);
  else
    co_await sleep(1h);
}

Task<void> look_at_tasks() {
  std::vector<JoinHandle<void>> all;
  for (int i = 0; i < tasks; ++i) all.push_back(spawn(named("sleeper"), sleep_below, 2));
  while (debug::snapshot(all.back()).wait.kind != WaitKind::sleep) co_await yield();
  Times held{};
  Times text{};
  Times json{};
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < held.size(); ++i) {
    std::unique_ptr<debug::Capture> seen;
    held[i] =
        milliseconds([&] { seen = std::make_unique<debug::Capture>(debug::capture(EventLoop::current())); });
    debug::LoopSnapshot loop;
    const double resolved = held[i] + milliseconds([&] { loop = debug::resolve(std::move(*seen)); });
    text[i] = resolved + milliseconds([&] { bytes += debug::format_dump(loop).size(); });
    json[i] = resolved + milliseconds([&] { bytes += debug::format_json(loop).size(); });
  }
  std::printf(R"("tasks":%d,"held":%.2f,"dump":%.2f,"dump_json":%.2f,"bytes":%zu,)", tasks, median(held),
              median(text), median(json), bytes / held.size());
}

Task<std::string> echo(queue::JobContext&, std::string payload) {
  co_return payload;
}

Task<void> enqueue_one_of_each(queue::Client client) {
  for (std::size_t i = 0; i < names; ++i) {
    const queue::JobSpec spec("job " + std::to_string(i));
    co_await client.enqueue(spec);
  }
}

void look_at_metrics() {
  const auto registry = std::make_shared<metrics::Registry>();
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < names; ++i) labels.push_back("job " + std::to_string(i));
  const std::shared_ptr<queue::Broker> broker =
      queue::metered(queue::open_broker("memory://"), *registry, queue::MetricLabels({"default"}, labels));
  queue::Worker worker(broker, queue::WorkerOptions().metrics(registry).stop_when_idle());
  for (const std::string& name : labels) worker.handle_raw(name, echo);
  coterie::run(enqueue_one_of_each(queue::Client(broker)));
  coterie::run([](queue::Worker* its) -> Task<void> { co_await its->serve(); }(&worker));
  Times scrape{};
  std::size_t bytes = 0;
  for (double& time : scrape) time = milliseconds([&] { bytes = registry->scrape().size(); });
  std::printf(R"("names":%zu,"scrape":%.2f,"page_bytes":%zu})"
              "\n",
              names, median(scrape), bytes);
}

}  // namespace

int main() {
  std::printf(R"({"frame":%zu,"task":%zu,)", sizeof(Frame) - sizeof(Frame*), sizeof(TaskRec));
  coterie::run(look_at_tasks());
  look_at_metrics();
}
