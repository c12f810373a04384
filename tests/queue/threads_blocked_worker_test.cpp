// A worker whose loop is blocked, in the system's time: how it drains, ends by force, and exits.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/run.hpp"
#include "tests/support/runtime.hpp"

namespace queue_tests {
namespace {

using namespace coterie;         // NOLINT(google-build-using-namespace)
using namespace coterie::queue;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

Task<void> serve_worker(Worker* worker) {
  co_await worker->serve();
}

std::size_t watchdog_threads() {
  std::size_t count = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream name(thread.path() / "comm");
    std::string is;
    std::getline(name, is);
    if (is.starts_with("coterie-watch")) ++count;
  }
  return count;
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

// Its own, and not the thread, on which that of another worker goes on.
TEST_F(ThreadsBlockedWorker, ALoopThatIsClosedByForceTakesTheWatchdogAlong) {
  RuntimeOptions one;
  one.loops = 1;
  Runtime elsewhere(one);
  Worker other(open_broker("memory://"));
  const auto others = spawn_on(elsewhere.loop(0), serve_worker, &other);
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
  other.drain();
  others.get();
}

TEST_F(ThreadsBlockedWorker, AllWorkersOfAProcessShareTheWatchdogsThread) {
  coterie::run([](std::shared_ptr<Broker> at) -> Task<void> {
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<JoinHandle<void>> serving;
    for (int i = 0; i < 50; ++i) {
      workers.push_back(std::make_unique<Worker>(at, WorkerOptions()));
      serving.push_back(spawn(serve_worker, workers.back().get()));
    }
    while (watchdog_threads() == 0) co_await yield();  // each names itself
    EXPECT_EQ(watchdog_threads(), 1U);
    for (const auto& worker : workers) worker->drain();
    for (const auto& each : serving) co_await each;
  }(broker));
  EXPECT_EQ(watchdog_threads(), 0U) << "it goes with the last of them";
}

int serve_in_a_child() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // one that uses its parent's waits for ever
    Worker worker(open_broker("memory://child"));
    coterie::run([](Worker* serving) -> Task<void> {
      const JoinHandle<void> task = spawn(serve_worker, serving);
      co_await yield();
      serving->drain();
      co_await task;
    }(&worker));
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST_F(ThreadsBlockedWorker, AChildOfForkHasAWatchdogOfItsOwn) {
  if (test::sanitized) GTEST_SKIP() << "the sanitizers' allocator may be left locked in a child of fork()";
  Worker worker(broker);
  coterie::run([](Worker* serving) -> Task<void> {
    const JoinHandle<void> task = spawn(serve_worker, serving);
    co_await yield();
    int status = -1;
    std::thread([&] { status = serve_in_a_child(); }).join();  // a thread on which no loop runs
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    serving->drain();
    co_await task;
  }(&worker));
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
  EXPECT_EXIT(hang(), ::testing::ExitedWithCode(stalled_exit_code),
              "stands still: .* in one step, of 'hang' .*the process exits with code 70");
}

}  // namespace
}  // namespace queue_tests
