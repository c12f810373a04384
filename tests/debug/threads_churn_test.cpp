// Dumps while tasks come, wait, are cancelled and end, and a loop is blocked now and then.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <random>

#include "src/debug/collect.hpp"
#include "support/runtime.hpp"
#include "tests/debug/eyes_support.hpp"

namespace coterie {
namespace {
using namespace test;

/// What the tasks of one loop share.
struct Shared {
  std::mt19937 random;
  Lock lock;
  Condition condition{lock};
  Queue<int> queue;
  explicit Shared(unsigned seed) : random(seed) {
    lock.set_name("lock");
    condition.set_name("condition");
  }
};

Task<void> until_notified(Shared& its) {
  const LockGuard guard = co_await its.lock.scoped();
  co_await its.condition.wait();
}

/// Lives a while: sleeps, takes a lock, waits under it, spawns a child, or is cancelled.
Task<void> life(Shared& its, int depth) {
  const std::string name = "task of depth " + std::to_string(depth);
  for (int i = 0; i < 3; ++i) {
    const auto choice = its.random() % 7;
    if (choice == 0) co_await sleep(100us);
    if (choice == 1) co_await yield();
    if (choice == 2) {
      const LockGuard guard = co_await its.lock.scoped();
      its.condition.notify();
      co_await yield();
    }
    if (choice == 3 && depth < 3) {
      auto child = spawn(named(name), life, std::ref(its), depth + 1);
      if (its.random() % 4 == 0) child.cancel();
      Outcome<void> end = co_await outcome(child);
    }
    if (choice == 4) co_await life(its, 4);
    if (choice == 5) {
      auto waiter = spawn(named("waiter"), until_notified, std::ref(its));
      co_await sleep(50us);
      waiter.cancel();
      Outcome<void> end = co_await outcome(waiter);
    }
    if (choice == 6) {
      its.queue.put_nowait(i);
      co_await its.queue.get();
    }
  }
}

/// Blocks the thread without a system call, for longer than a dump waits where `long_block` says so.
[[gnu::noinline]] void block_for(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

Task<void> churn(unsigned seed, const std::atomic<bool>& stop) {
  Shared its(seed);
  while (!stop.load()) {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 20; ++i) tasks.push_back(spawn(named("life"), life, std::ref(its), 0));
    if (its.random() % 64 == 0) block_for(300ms);
    for (auto& task : tasks) Outcome<void> end = co_await outcome(task);
  }
}

TEST(ThreadsChurn, DumpsAreTakenWhileTasksComeAndGo) {
  const char* const wanted = std::getenv("COTERIE_DUMPS");
  const int dumps = wanted != nullptr ? std::atoi(wanted) : 200;
  std::atomic<bool> stop{false};
  RuntimeOptions options;
  options.loops = 2;
  options.debug_socket = false;
  Runtime runtime(options);
  auto one = spawn_on(runtime.loop(0), churn, 1U, std::ref(stop));
  auto two = spawn_on(runtime.loop(1), churn, 2U, std::ref(stop));
  const Eyes eyes;
  std::size_t answered = 0;
  std::size_t unsynchronised = 0;
  constexpr const char* requests[] = {"dump\n", "dump json\n", "dump group\n", "tree\n", "ps\n"};
  for (int i = 0; i < dumps; ++i) {
    const std::string text = say(eyes.server.path(), requests[i % 5]);
    if (text.starts_with("ok ")) ++answered;
    if (text.find("UNSYNCHRONISED") != std::string::npos) ++unsynchronised;
  }
  stop.store(true);
  one.get();
  two.get();
  EXPECT_EQ(answered, static_cast<std::size_t>(dumps));
  if (dumps >= 2000) {
    EXPECT_GT(unsynchronised, 0U) << "of so many, some came while a loop was blocked";
  }
  RecordProperty("unsynchronised", static_cast<int>(unsynchronised));
}

}  // namespace
}  // namespace coterie
