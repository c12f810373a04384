// Long chains and long loops: the native stack stays flat but for a synchronous descent, which is nested.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

/// Distance between the frames of native calls at the deepest and the highest moment seen.
class StackSpan {
 public:
  void look() {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    low_ = std::min(low_, here);
    high_ = std::max(high_, here);
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return high_ - low_; }

 private:
  std::uintptr_t low_ = UINTPTR_MAX;
  std::uintptr_t high_ = 0;
};

Task<long> chain(long depth, StackSpan& span) {
  co_await yield();  // each frame is made in a tick of its own
  span.look();
  if (depth == 0) co_return 0;
  const long below = co_await chain(depth - 1, span);
  span.look();
  co_return below + 1;
}

TEST(Depth, ChainOfAMillionFramesBuiltOnePerTickEndsOnAFlatStack) {
  const long depth = sanitized ? 200'000 : 1'000'000;
  StackSpan span;
  EXPECT_EQ(run([&]() -> Task<long> { return chain(depth, span); }), depth);
  EXPECT_LT(span.bytes(), 16U * 1024);
}

Task<int> descend(int depth, Future<void> leaf) {
  if (depth == 0) {
    co_await leaf;
    co_return 0;
  }
  const int below = co_await descend(depth - 1, leaf);
  co_return below + 1;
}

TEST(Depth, RecursionOfTenThousandWithAReadyLeaf) {
  run([]() -> Task<void> {
    Future<void> ready;
    ready.set_value();
    int depth = co_await descend(10'000, ready);
    EXPECT_EQ(depth, 10'000);
  });
}

TEST(Depth, RecursionOfTenThousandWithALeafThatSuspends) {
  run([]() -> Task<void> {
    Future<void> leaf;
    auto task = spawn(descend, 10'000, leaf);
    co_await ticks(2);
    leaf.set_value();
    co_await ticks(1);
    EXPECT_TRUE(task.done());  // the whole ascent is one step
    EXPECT_EQ(task.result(), 10'000);
  });
}

TEST(Depth, CancelAndErrorRiseThroughTenThousandFrames) {
  run([]() -> Task<void> {
    auto task = spawn(descend, 10'000, Future<void>());
    co_await ticks(2);
    task.cancel("deep");
    Outcome<int> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: deep");
    Future<void> failed;
    auto second = spawn(descend, 10'000, failed);
    co_await ticks(2);
    failed.set_exception(error("deep"));
    end = co_await outcome(second);
    EXPECT_EQ(text(end), "deep");
  });
}

TEST(Depth, LoopIsClosedOverTenThousandSuspendedFrames) {
  testing::VirtualLoop loop;
  loop.loop().set_exception_handler([](const ErrorContext&) {});
  loop.run([]() -> Task<void> {
    spawn(descend, 10'000, Future<void>());
    co_await ticks(2);
  }());
  loop.loop().close();
  EXPECT_EQ(loop.loop().task_count(), 0U);
}

TEST(Depth, AwaitingInALoopTakesNoStackAndNoTick) {
  const long rounds = sanitized ? 1'000'000 : 10'000'000;
  run([rounds]() -> Task<void> {
    StackSpan span;
    TickCounter counter;
    long sum = 0;
    auto ready = [](StackSpan& s) -> Task<int> {
      s.look();
      co_return 1;
    };
    for (long i = 0; i < rounds; ++i) {
      sum += co_await ready(span);
    }
    EXPECT_EQ(sum, rounds);
    EXPECT_EQ(span.bytes(), 0U);
    EXPECT_EQ(counter.count(), 0);
  });
}

Task<void> join(JoinHandle<void> next) {
  co_await next;
}

TEST(Depth, CancelThroughAChainOfTenThousandTasks) {
  run([]() -> Task<void> {
    constexpr int length = 10'000;
    JoinHandle<void> task = spawn(sleeper, 1h);
    const JoinHandle<void> leaf = task;
    for (int i = 1; i < length; ++i) task = spawn(join, task);
    co_await ticks(2);
    TickCounter counter;
    task.cancel("through");
    EXPECT_EQ(leaf.cancelling(), 1U);
    Outcome<void> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: through");
    EXPECT_TRUE(leaf.cancelled());
    EXPECT_EQ(counter.count(), length + 1);
  });
}

TEST(Depth, CancelOfTasksThatAwaitEachOtherReturns) {
  testing::VirtualLoop loop;
  loop.loop().set_exception_handler([](const ErrorContext&) {});
  loop.run([]() -> Task<void> {
    for (const std::size_t length : {2U, 3U, 7U}) {
      auto ring = std::make_shared<std::vector<JoinHandle<void>>>(length);
      for (std::size_t i = 0; i < length; ++i)
        (*ring)[i] = spawn(
            [](std::shared_ptr<std::vector<JoinHandle<void>>> all, std::size_t next) -> Task<void> {
              JoinHandle<void> target = (*all)[next];
              all.reset();
              co_await target;
            },
            ring, (i + 1) % length);
      co_await ticks(2);
      EXPECT_TRUE(ring->front().cancel());
      EXPECT_TRUE(ring->back().cancel());
      co_await ticks(3);
      EXPECT_FALSE(ring->front().done());
    }
  }());
  EXPECT_EQ(loop.loop().cancel_all_and_run(1s).size(), 2U + 3U + 7U);
}

}  // namespace
}  // namespace coterie
