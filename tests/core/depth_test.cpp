// Long chains and long loops: the native stack stays flat but for a synchronous descent, which is nested.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "support/both_ways.hpp"

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

/// On a thread of its own. With AddressSanitizer the "fake stack" of a thread fills up by many exceptions and
/// then slows every call down: no test leaves that to the next.
template <class Body>
void on_a_thread(Body body) {
  std::thread(std::move(body)).join();
}

constexpr long million = sanitized ? 200'000 : 1'000'000;

template <class How>
Task<long, How> chain(long depth, StackSpan& span) {
  co_await yield();  // each frame is made in a tick of its own
  span.look();
  if (depth == 0) co_return 0;
  const long below = co_await chain<How>(depth - 1, span);
  span.look();
  co_return below + 1;
}

/// A chain of so many frames, made one per tick, that ends in a sleep; each frame has something to destroy.
template <class How>
Task<void, How> suspended_chain(long depth, StackSpan& span, long& alive) {
  struct Local {
    Local(StackSpan& s, long& count) : span(&s), alive(&count) { ++count; }
    Local(const Local&) = delete;
    Local& operator=(const Local&) = delete;
    ~Local() {
      span->look();
      --*alive;
    }
    StackSpan* span;
    long* alive;
  } local(span, alive);
  co_await yield();
  if (depth == 0)
    co_await sleep(1h);
  else
    co_await suspended_chain<How>(depth - 1, span, alive);
}

COTERIE_CASE(Depth, ChainOfAMillionFramesBuiltOnePerTickEndsOnAFlatStack) {
  on_a_thread([] {
    StackSpan span;
    EXPECT_EQ(run([&]() -> Task<long> { co_return co_await chain<How>(million, span); }), million);
    EXPECT_LT(span.bytes(), 16U * 1024);
  });
}

COTERIE_CASE(Depth, ChainOfAMillionSuspendedFramesIsCancelledOnAFlatStack) {
  on_a_thread([] {
    const long depth = sanitized && std::is_same_v<How, catching> ? 20'000 : million;
    StackSpan span;
    long alive = 0;
    run([&]() -> Task<void> {
      auto task = spawn(suspended_chain<How>, depth, std::ref(span), std::ref(alive));
      co_await ticks(static_cast<int>(depth) + 3);
      EXPECT_EQ(alive, depth + 1);
      task.cancel("deep");
      Outcome<void> end = co_await outcome(task);
      EXPECT_EQ(text(end), "cancelled: deep");
      EXPECT_EQ(alive, 0);
    });
    EXPECT_LT(span.bytes(), 16U * 1024);
  });
}

COTERIE_CASE(Depth, LoopIsClosedOverAMillionSuspendedFramesOnAFlatStack) {
  on_a_thread([] {
    StackSpan span;
    long alive = 0;
    testing::VirtualLoop loop;
    loop.loop().set_exception_handler([](const ErrorContext&) {});
    loop.run([](StackSpan& s, long& count) -> Task<void> {
      spawn(suspended_chain<How>, million, std::ref(s), std::ref(count));
      co_await ticks(static_cast<int>(million) + 3);
    }(span, alive));
    EXPECT_EQ(alive, million + 1);
    loop.loop().close();
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(loop.loop().task_count(), 0U);
    EXPECT_LT(span.bytes(), 16U * 1024);
  });
}

template <class How = catching>
Task<int, How> descend(int depth, Future<void> leaf) {
  if (depth == 0) {
    co_await leaf;
    co_return 0;
  }
  const int below = co_await descend<How>(depth - 1, leaf);
  co_return below + 1;
}

COTERIE_CASE(Depth, RecursionOfTenThousandWithAReadyLeaf) {
  on_a_thread([] {
    run([]() -> Task<void> {
      Future<void> ready;
      ready.set_value();
      int depth = co_await descend<How>(10'000, ready);
      EXPECT_EQ(depth, 10'000);
    });
  });
}

COTERIE_CASE(Depth, RecursionOfTenThousandWithALeafThatSuspends) {
  on_a_thread([] {
    run([]() -> Task<void> {
      Future<void> leaf;
      auto task = spawn(descend<How>, 10'000, leaf);
      co_await ticks(2);
      leaf.set_value();
      co_await ticks(1);
      EXPECT_TRUE(task.done());  // the whole ascent is one step
      EXPECT_EQ(task.result(), 10'000);
    });
  });
}

COTERIE_CASE(Depth, CancelAndErrorRiseThroughTenThousandFrames) {
  on_a_thread([] {
    run([]() -> Task<void> {
      auto task = spawn(descend<How>, 10'000, Future<void>());
      co_await ticks(2);
      task.cancel("deep");
      Outcome<int> end = co_await outcome(task);
      EXPECT_EQ(text(end), "cancelled: deep");
      Future<void> failed;
      auto second = spawn(descend<How>, 10'000, failed);
      co_await ticks(2);
      failed.set_exception(error("deep"));
      end = co_await outcome(second);
      EXPECT_EQ(text(end), "deep");
    });
  });
}

TEST(Depth, CancelGoesThroughFramesThatCatchAndFramesThatDoNot) {
  on_a_thread([] {
    run([]() -> Task<void> {
      struct Mixed {
        static Task<int> catches(int depth, Future<void> leaf) {
          if (depth == 0) {
            co_await leaf;
            co_return 0;
          }
          co_return co_await dies(depth - 1, leaf);
        }
        static Task<int, no_catch> dies(int depth, Future<void> leaf) {
          co_return co_await catches(depth - 1, leaf);
        }
      };
      auto task = spawn(Mixed::catches, 10'000, Future<void>());
      co_await ticks(2);
      task.cancel("deep");
      Outcome<int> end = co_await outcome(task);
      EXPECT_EQ(text(end), "cancelled: deep");
    });
  });
}

TEST(Depth, AwaitingInALoopTakesNoStackAndNoTick) {
  on_a_thread([] {
    run([]() -> Task<void> {
      constexpr long rounds = 10'000'000;
      StackSpan span;
      TickCounter counter;
      long sum = 0;
      auto ready = [](StackSpan& s, long round) -> Task<int> {
        if (round % 1024 == 0) s.look();
        co_return 1;
      };
      for (long i = 0; i < rounds; ++i) {
        sum += co_await ready(span, i);
      }
      EXPECT_EQ(sum, rounds);
      EXPECT_EQ(span.bytes(), 0U);
      EXPECT_EQ(counter.count(), 0);
    });
  });
}

Task<void> join(JoinHandle<void> task) {
  co_await task;
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
