// Frames: how deep, how they end, and what an exception leaves behind (row F and the list of what is fine).

#include <gtest/gtest.h>

#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

#include "compiler_cases/mini_task.hpp"

namespace compiler_cases {
namespace {

class CompilerLifetime : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(Tracked::alive, 0); }
};

MiniTask<int> ready(int value) {
  co_return value;
}

MiniTask<int> many(int count) {
  int total = 0;
  while (count-- > 0) total += co_await ready(1);
  co_return total;
}

// Symmetric transfer would overflow the stack here: it is no tail call at -O0 and under sanitizers.
TEST_F(CompilerLifetime, AwaitingReadyCoroutinesDoesNotGrowTheStack) {
  EXPECT_EQ(many(2'000'000).run(), 2'000'000);
}

MiniTask<int> descend(int depth) {
  if (depth == 0) co_return 0;
  int below = co_await descend(depth - 1);
  co_return below + 1;
}

TEST_F(CompilerLifetime, NestedDescentOfFiveThousandLevels) {
  EXPECT_EQ(descend(5'000).run(), 5'000);
}

MiniTask<int> fail(Tracked tracked) {
  if (tracked.value() > 0) throw std::runtime_error("on purpose");
  co_return 0;
}

MiniTask<int> fail_through() {
  Tracked local(1);
  co_return co_await fail(local);
}

TEST_F(CompilerLifetime, ExceptionThroughTwoFramesDestroysEverythingOnce) {
  EXPECT_THROW(fail_through().run(), std::runtime_error);
}

Tracked throwing_argument() {
  throw std::runtime_error("in the argument");
}

MiniTask<int> argument_throws() {
  Tracked local(1);
  try {
    co_return co_await read(throwing_argument());
  } catch (const std::runtime_error&) {
    // co_await is not allowed here; remember and await below.
  }
  co_return co_await read(std::move(local));
}

TEST_F(CompilerLifetime, ArgumentOfAnAwaitThrows) {
  EXPECT_EQ(argument_throws().run(), 1);
}

MiniTask<int> wait_at(Gate& gate, Tracked parameter) {
  Tracked local(2);
  co_await gate;
  co_return parameter.value() + local.value();
}

MiniTask<int> wait_through(Gate& gate) {
  Tracked local(3);
  int value = co_await wait_at(gate, local);
  co_return value + local.value();
}

TEST_F(CompilerLifetime, SuspendedFramesAreDestroyedFromTheTop) {
  Gate gate;
  {
    MiniTask<int> task = wait_through(gate);
    task.start();
    EXPECT_FALSE(task.done());
    EXPECT_GT(Tracked::alive, 0);
  }
  EXPECT_EQ(Tracked::alive, 0);
}

TEST_F(CompilerLifetime, SuspendedFramesAreResumedFromTheLeaf) {
  Gate gate;
  MiniTask<int> task = wait_through(gate);
  task.start();
  gate.waiter.resume();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.await_resume(), 8);
}

// The frame is destroyed while it is being suspended, as a loop does that drops a cancelled task.
struct DestroyMe {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) const { self.destroy(); }
  void await_resume() const noexcept {}
};

struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

Detached destroyed_while_suspending(Tracked parameter) {
  Tracked local = std::move(parameter);
  co_await DestroyMe{};
  ADD_FAILURE() << "resumed after it was destroyed: " << local.value();
}

TEST_F(CompilerLifetime, FrameDestroyedInsideAwaitSuspend) {
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 15
  GTEST_SKIP() << "gcc 15, PR 121961";
#endif
  destroyed_while_suspending(Tracked(1));
}

// await_transform's default argument is the one way to the line of the await (row H).
struct Located {
  struct promise_type {
    std::source_location where;
    struct Ready {
      bool await_ready() const noexcept { return true; }
      void await_suspend(std::coroutine_handle<>) const noexcept {}
      void await_resume() const noexcept {}
    };
    Ready await_transform(Ready ready, std::source_location here = std::source_location::current()) {
      where = here;
      return ready;
    }
    Located get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

unsigned awaited_line = 0;

Located located() {
  co_await Located::promise_type::Ready{};
  awaited_line = __LINE__ - 1;
}

TEST_F(CompilerLifetime, SourceLocationOfAnAwaitIsItsLine) {
  Located task = located();
  EXPECT_EQ(task.handle.promise().where.line(), awaited_line);
  EXPECT_TRUE(std::string(task.handle.promise().where.file_name()).ends_with("lifetime_test.cpp"));
  task.handle.destroy();
}

}  // namespace
}  // namespace compiler_cases
