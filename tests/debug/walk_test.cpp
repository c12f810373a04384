// Reading tasks from memory that nobody keeps still: a fake memory gives what a real one may give.
#include "src/debug/walk.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <random>

#include "coterie/debug/dump.hpp"
#include "coterie/sync/condition.hpp"
#include "src/core/debug_block.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using debug::LoopSnapshot;
using debug::Memory;
using debug::ProcessMemory;
using debug::TaskSnapshot;
using ::testing::HasSubstr;

std::uint64_t own_block() {
  return reinterpret_cast<std::uintptr_t>(&coterie_debug_block);
}

/// Our own memory, as a filter changes it.
class Changed final : public Memory {
 public:
  using Change = std::function<bool(std::uint64_t address, char* bytes, std::size_t size)>;
  explicit Changed(Change change) : change_(std::move(change)) {}
  bool read(std::uint64_t address, void* to, std::size_t bytes) override {
    ++reads;
    return real_.read(address, to, bytes) && change_(address, static_cast<char*>(to), bytes);
  }
  std::size_t reads = 0;

 private:
  ProcessMemory real_{::getpid()};
  Change change_;
};

LoopSnapshot read_here(Memory& memory) {
  std::string problem;
  const auto loop = reinterpret_cast<std::uintptr_t>(&EventLoop::current());
  std::vector<LoopSnapshot> all = debug::walk(memory, own_block(), problem, loop);
  EXPECT_EQ(problem, "");
  return all.empty() ? LoopSnapshot() : all.front();
}

Task<void> at_lock(Lock& lock) {
  const LockGuard guard = co_await lock.scoped();
}

AsyncGenerator<int> numbers() {
  co_await sleep(1h);
  co_yield 1;
}

Task<void> consume() {
  auto all = numbers();
  while (const int* next = co_await all.next()) (void)*next;
}

Task<void> at_condition(Condition& condition) {
  const LockGuard guard = co_await condition.scoped();
  co_await condition.wait();
}

/// Tasks in every kind of state.
struct World {
  Lock lock;
  Condition condition;
  std::vector<JoinHandle<void>> tasks;

  Task<void> begin() {
    co_await lock.acquire();
    condition.set_name("goods");
    condition.lock().set_name("counter");
    const std::string owned(100, 'x');
    const auto wrapped = [](const std::string& text) -> Task<void> {
      co_await sleep(std::chrono::hours(text.size()));
    };
    tasks.push_back(spawn(named("waiter"), at_lock, std::ref(lock)));
    tasks.push_back(spawn(wrapped, owned));
    tasks.push_back(spawn(named("consumer"), consume));
    tasks.push_back(spawn([](JoinHandle<void> other) -> Task<void> { co_await other; }, tasks.back()));
    tasks.push_back(spawn(named("customer"), at_condition, std::ref(condition)));
    tasks.push_back(spawn(named("cancelled"), at_lock, std::ref(lock)));
    co_await ticks(3);
    tasks.back().cancel();
    tasks.push_back(spawn(named("new"), consume));
  }
  Task<void> end() {
    for (auto& task : tasks) task.cancel();
    for (auto& task : tasks) co_await task.wait();
  }
};

TEST(Walk, ReadsWhatTheLoopItselfSays) {
  run([]() -> Task<void> {
    World world;
    co_await world.begin();
    ProcessMemory memory(::getpid());
    LoopSnapshot raw = read_here(memory);
    LoopSnapshot own = debug::snapshot(EventLoop::current());
    EXPECT_FALSE(raw.synchronised);
    EXPECT_EQ(raw.problem, "");
    raw.synchronised = true;
    // The loop's virtual time is not the clock's.
    for (LoopSnapshot* seen : {&raw, &own})
      for (TaskSnapshot& task : seen->tasks) {
        task.cancelled_ago.reset();
        task.age.reset();
        EXPECT_EQ(task.due_in.has_value(), task.wait.kind == WaitKind::sleep);
        task.due_in.reset();
      }
    EXPECT_EQ(debug::format_json(raw), debug::format_json(own));
    EXPECT_EQ(own.tasks.size(), 8U);
    EXPECT_EQ(own.tasks[1].held_by, current_task()->id());
    EXPECT_EQ(own.tasks[5].lock.value_or(debug::ItsLock()).name, "counter");
    co_await world.end();
  });
}

TEST(Walk, FindsTheBlockWithoutASymbol) {
  ProcessMemory memory(::getpid());
  EXPECT_EQ(debug::find_debug_block(::getpid(), memory), own_block());
}

TEST(Walk, WhatIsNoBlockOrIsNewerIsRefused) {
  std::string problem;
  ProcessMemory memory(::getpid());
  EXPECT_TRUE(debug::walk(memory, 8, problem).empty());
  EXPECT_THAT(problem, HasSubstr("no debug block"));
  Changed newer([](std::uint64_t address, char* bytes, std::size_t) {
    if (address == own_block()) bytes[offsetof(detail::DebugBlock, version)] = 9;
    return true;
  });
  EXPECT_TRUE(debug::walk(newer, own_block(), problem).empty());
  EXPECT_THAT(problem, HasSubstr("has version 9, and this program reads 1"));
}

TEST(Walk, AnAddressThatLeadsNowhereEndsThatTaskAlone) {
  run([]() -> Task<void> {
    World world;
    co_await world.begin();
    const auto lost = reinterpret_cast<std::uintptr_t>(world.tasks[0].state().innermost());
    Changed memory(
        [lost](std::uint64_t address, char*, std::size_t) { return address < lost || address > lost + 24; });
    const LoopSnapshot seen = read_here(memory);
    EXPECT_EQ(seen.tasks.size(), 8U);
    EXPECT_TRUE(seen.tasks[1].stack.empty());
    EXPECT_EQ(seen.tasks[2].stack.size(), 1U);
    EXPECT_THAT(seen.problem, HasSubstr("cannot be read"));
    co_await world.end();
  });
}

TEST(Walk, AListThatRunsInACircleEnds) {
  run([]() -> Task<void> {
    World world;
    co_await world.begin();
    const TaskRec* const first = EventLoop::current().first_task();
    const auto last_next = reinterpret_cast<std::uintptr_t>(&world.tasks.back().state()) +
                           coterie_debug_block.task_registry_next;
    Changed memory([&](std::uint64_t address, char* bytes, std::size_t) {
      if (address == last_next) std::memcpy(bytes, &first, sizeof first);
      return true;
    });
    const LoopSnapshot seen = read_here(memory);
    EXPECT_EQ(seen.tasks.size(), 8U);
    EXPECT_THAT(seen.problem, HasSubstr("torn"));
    co_await world.end();
  });
}

TEST(Walk, AStackThatRunsInACircleEnds) {
  run([]() -> Task<void> {
    World world;
    co_await world.begin();
    const auto frame = reinterpret_cast<std::uintptr_t>(world.tasks[0].state().innermost());
    Changed memory([&](std::uint64_t address, char* bytes, std::size_t) {
      if (address == frame + coterie_debug_block.frame_caller) std::memcpy(bytes, &frame, sizeof frame);
      return true;
    });
    EXPECT_THAT(read_here(memory).problem, HasSubstr("stack is torn"));
    co_await world.end();
  });
}

Task<void> recurse(int levels, const std::function<void()>& at_the_bottom) {
  if (levels == 0)
    at_the_bottom();
  else
    co_await recurse(levels - 1, at_the_bottom);
}

/// A coroutine that calls itself without an end never suspends: its loop is blocked, and this is how it is
/// seen.
TEST(Walk, OfARunningStackThatIsTooLongTheOuterPartIsShown) {
  run([]() -> Task<void> {
    LoopSnapshot seen;
    const std::function<void()> look = [&seen] {
      ProcessMemory memory(::getpid());
      std::string problem;
      debug::WalkLimits limits;
      limits.frames = 5;
      const auto loop = reinterpret_cast<std::uintptr_t>(&EventLoop::current());
      seen = debug::walk(memory, own_block(), problem, loop, limits).at(0);
    };
    co_await spawn(named("endless"), recurse, 50, std::cref(look));
    const Stack& stack = seen.tasks.at(1).stack;
    EXPECT_GE(stack.size(), 4U) << "and a wrapper";
    EXPECT_LE(stack.size(), 5U);
    EXPECT_EQ(stack.at(0).function, "coterie::recurse");
    EXPECT_THAT(seen.problem, HasSubstr("longer than what is read"));
  });
}

TEST(Walk, GarbageIsReadToAnEnd) {
  run([]() -> Task<void> {
    World world;
    co_await world.begin();
    std::size_t problems = 0;
    for (unsigned seed = 1; seed <= 300; ++seed) {
      std::mt19937 random(seed);
      const unsigned rate = 1U << (seed % 8);
      Changed memory([&](std::uint64_t address, char* bytes, std::size_t size) {
        if (address == own_block() || random() % (8 * rate) != 0) return true;
        if (random() % 3 == 0) return false;
        for (std::size_t i = 0; i < size; ++i)
          if (random() % 2 == 0) bytes[i] = static_cast<char>(random());
        return true;
      });
      debug::WalkLimits limits;
      limits.loops = 50;
      limits.tasks = 500;
      limits.frames = 100;
      std::string problem;
      for (const LoopSnapshot& loop : debug::walk(memory, own_block(), problem, 0, limits)) {
        problems += loop.problem.empty() ? 0 : 1;
        EXPECT_LE(loop.tasks.size(), 500U);
        (void)debug::format_dump(loop);
        (void)debug::format_json(loop);
        (void)debug::format_tree(loop);
      }
    }
    EXPECT_GT(problems, 50U);
    co_await world.end();
  });
}

}  // namespace
}  // namespace coterie
