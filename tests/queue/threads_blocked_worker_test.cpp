// A worker whose loop is blocked, in the system's time: how it drains, ends by force, and exits.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/run.hpp"

namespace queue_tests {
namespace {

using namespace coterie;         // NOLINT(google-build-using-namespace)
using namespace coterie::queue;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

Task<void> serve_worker(Worker* worker) {
  co_await worker->serve();
}

class ThreadsBlockedWorker : public ::testing::Test {
 public:
  std::shared_ptr<Broker> broker = open_broker("memory://");
};

TEST_F(ThreadsBlockedWorker, ADrainWhileTheLoopIsBlockedComesWhenItGoesOn) {
  Worker worker(broker, WorkerOptions().lease(100ms).grace(0ms));
  std::thread stopper;
  std::atomic<bool> told = false;
  const auto block = [&](JobContext&, const std::string&) -> Task<std::string> {
    stopper = std::thread([&] {
      worker.drain();
      told = true;
      told.notify_one();
    });
    told.wait(false);
    co_await yield();
    co_return "1";
  };
  worker.handle_raw("block", block);
  coterie::run([](Worker* serving) -> Task<void> {
    JobSpec spec("block");
    Client client(serving->broker());
    co_await client.enqueue(std::move(spec));
    co_await serving->serve();
  }(&worker));
  stopper.join();
}

TEST_F(ThreadsBlockedWorker, ALoopThatIsClosedByForceTakesTheWatchdogAlong) {
  Worker worker(broker, WorkerOptions().lease(100ms));
  const auto hang = [](JobContext&, const std::string&) -> Task<std::string> {
    Event never;
    for (;;) {
      const Outcome<void> waited = co_await outcome(never.wait());
      (void)waited;
    }
  };
  worker.handle_raw("hang", hang);
  RuntimeOptions options;
  options.loops = 1;
  options.shutdown_timeout = 0ms;
  Runtime runtime(options);
  std::atomic<bool> running = false;
  auto body = [&]() -> Task<void> {
    const JoinHandle<void> serving = spawn(serve_worker, &worker);
    Client client(broker);
    co_await client.enqueue(JobSpec("hang"));
    while (worker.running() == 0) co_await yield();
    running = true;
    running.notify_one();
    co_await serving.wait();
  };
  const auto task = spawn_on(runtime.loop(0), body);
  running.wait(false);
  runtime.stop();
}

using ThreadsWatchdogDeathTest = ThreadsBlockedWorker;

TEST_F(ThreadsWatchdogDeathTest, AWorkerThatHangsNamesItselfAndExits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto hang = [this] {
    Worker worker(broker, WorkerOptions().lease(100ms).stall_limit(100ms));
    worker.handle_raw("hang", [](JobContext&, const std::string&) -> Task<std::string> {
      std::atomic<bool> never = false;
      never.wait(false);
      co_return "1";
    });
    coterie::run([](Worker* serving) -> Task<void> {
      Client client(serving->broker());
      co_await client.enqueue(JobSpec("hang"));
      co_await serving->serve();
    }(&worker));
  };
  EXPECT_EXIT(hang(), testing::ExitedWithCode(stalled_exit_code),
              "stands still: .* in one step, of 'hang' .*the process exits with code 70");
}

}  // namespace
}  // namespace queue_tests
