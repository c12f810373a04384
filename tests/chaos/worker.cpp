// Handlers that end in every way there is, and an observer that writes down what the broker said to it.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>

#include "agent.hpp"
#include "coterie/await_outcome.hpp"
#include "coterie/loop.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/sleep.hpp"

namespace chaos {
namespace {

namespace queue = coterie::queue;
using coterie::Task;
using queue::JobContext;
using std::chrono::milliseconds;

std::string run_of(const JobContext& job) {
  return field("id", job.id().str()) + "," + field("fence", job.fence());
}

/// The time that the worker goes by, which is older than the event's where its loop was held up.
std::string loop_clock() {
  const auto now = coterie::EventLoop::current().now().time_since_epoch();
  return field("clock", static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count()));
}

class Observer final : public queue::WorkerObserver {
 public:
  explicit Observer(const Events& events) : events_(events) {}

  void job_started(const JobContext& job) override {
    events_.write("started", run_of(job) + "," + field("name", job.name()) + "," +
                                 field("attempt", job.attempt()) + "," + loop_clock() + "," +
                                 field("alone", job.alone() ? 1 : 0));
  }
  void job_finished(const JobContext& job, const queue::JobEnd& end) override {
    static constexpr const char* failures[] = {"retry", "dead", "cancelled", "give_back"};
    const char* const how = end.succeeded ? "done" : failures[static_cast<int>(end.kind)];
    events_.write("settled", run_of(job) + "," + field("how", how) + "," +
                                 field("verdict", queue::to_string(end.verdict)) + "," +
                                 field("error", end.error.type));
  }
  void log(queue::LogLevel level, std::string_view line) override {
    if (level != queue::LogLevel::debug) events_.write("log", field("line", line));
  }

 private:
  const Events& events_;
};

/// Has a key of its own on Redis.
constexpr std::size_t long_result = 5000;

/// A JSON string's own bytes.
std::size_t length_of(const std::string& payload) {
  return payload.size() < 2 ? 0 : payload.size() - 2;
}

/// The handlers. Each writes how it ends as the last thing that it does. `got`: bytes of its payload.
class Handlers {
 public:
  Handlers(const Orders& orders, const Events& events)
      : events_(events), number_(orders.number), lease_(orders.lease_ms), random_(orders.seed) {}

  Task<std::string> ok(JobContext& job, std::size_t got) {
    co_await coterie::yield();
    co_return returned(job, got);
  }

  Task<std::string> slow(JobContext& job, std::size_t got) {
    const milliseconds time(20 + draw(lease_ / 2));
    const coterie::Outcome<void> slept = co_await coterie::outcome(coterie::sleep(time));
    if (slept.cancelled()) {
      ended(job, job.lease_lost() ? "lost" : "cancelled");
      std::rethrow_exception(slept.error());
    }
    co_return returned(job, got);
  }

  Task<std::string> flaky(JobContext& job, std::size_t got) {
    co_await coterie::yield();
    if (draw(3) == 0) {
      ended(job, "threw");
      throw std::runtime_error("one of its bad days");
    }
    co_return returned(job, got);
  }

  /// Goes on when it is cancelled: what it returns after its lease was lost must be refused.
  Task<std::string> stubborn(JobContext& job, std::size_t got) {
    const auto until = std::chrono::steady_clock::now() + milliseconds(100 + draw(lease_));
    while (std::chrono::steady_clock::now() < until) {
      const milliseconds step(20);
      const coterie::Outcome<void> slept = co_await coterie::outcome(coterie::sleep(step));
      static_cast<void>(slept);
    }
    co_return returned(job, got);
  }

  /// Every second run stops the loop for some leases, which the worker's watchdog keeps: it is not fenced for
  /// that.
  Task<std::string> block(JobContext& job, std::size_t got) {
    co_await coterie::yield();
    const milliseconds time(lease_ * 2 + draw(lease_));
    if (draw(2) == 0) {
      events_.write("blocked", run_of(job));
      std::this_thread::sleep_for(time);  // lint: sleeps, because that is its job
    }
    co_return returned(job, got);
  }

  /// On the pool for longer than a lease; heartbeats keep it.
  std::string pool(JobContext& job, std::size_t got) const {
    const milliseconds time(50 + got % 128 * lease_ / 80);
    std::this_thread::sleep_for(time);  // lint: sleeps, because that is its job
    return returned(job, got);
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % std::max<std::uint64_t>(below, 1); }
  void ended(const JobContext& job, const char* how) const {
    events_.write("ended", run_of(job) + "," + field("how", how));
  }
  /// Of every sixteenth job the result is long.
  std::string returned(const JobContext& job, std::size_t got) const {
    const bool is_long = job.id().bytes.back() % 16 == 7;
    const std::string filling(is_long ? long_result : 0, 'r');
    events_.write("ended",
                  run_of(job) + "," + field("how", "returned") + "," + field("filling", filling.size()));
    return "{" + field("fence", job.fence()) + "," + field("by", number_) + "," + field("got", got) + "," +
           field("filling", filling) + "}";
  }

  const Events& events_;
  std::uint64_t number_;
  std::uint64_t lease_;
  std::mt19937_64 random_;
};

}  // namespace

int work(const Orders& orders, const Events& events) {
  auto handlers = std::make_shared<Handlers>(orders, events);
  queue::WorkerOptions options;
  options.concurrency(static_cast<std::uint32_t>(orders.jobs)).lease(milliseconds(orders.lease_ms));
  options.grace(milliseconds(5000)).name("w" + std::to_string(orders.number));
  options.observer(std::make_shared<Observer>(events));
  queue::Worker worker(open_in_time(orders.url), options);
  const auto raw = [&](const char* name, Task<std::string> (Handlers::*fn)(JobContext&, std::size_t)) {
    auto handler = [handlers, fn](JobContext& job, std::string payload) {
      return (handlers.get()->*fn)(job, length_of(payload));
    };
    worker.handle_raw(name, handler);
  };
  raw("ok", &Handlers::ok);
  raw("slow", &Handlers::slow);
  raw("flaky", &Handlers::flaky);
  raw("stubborn", &Handlers::stubborn);
  raw("block", &Handlers::block);
  auto pool = [handlers](JobContext& job, const std::string& payload) {
    return handlers->pool(job, length_of(payload));
  };
  worker.handle_raw("pool", pool);
  auto poison = [](JobContext&, const std::string&) -> std::string {
    ::kill(::getpid(), SIGKILL);
    return "null";
  };
  worker.handle_raw("poison", poison);
  events.write("up", field("pid", static_cast<std::uint64_t>(::getpid())));
  return worker.run();
}

}  // namespace chaos
