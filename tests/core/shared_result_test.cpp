// How a result reaches those who wait for it: by reference, by copy, or, where it cannot be copied, by move.
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using Owned = std::unique_ptr<int>;

Task<Owned> make(int value) {
  co_await yield();
  co_return std::make_unique<int>(value);
}

TEST(SharedResult, GatherOfHandlesMovesOutWhatCannotBeCopied) {
  run([]() -> Task<void> {
    auto kept = spawn(make, 1);
    auto [a, b] = co_await gather(kept, spawn(make, 2));
    EXPECT_EQ(*a + *b, 3);
    EXPECT_THROW((void)kept.result(), InvalidState);
    std::vector<JoinHandle<Owned>> handles{spawn(make, 3), spawn(make, 4)};
    const auto values = co_await gather(handles);
    EXPECT_EQ(*values[0] + *values[1], 7);
    auto [c] = co_await all_settled(spawn(make, 5));
    EXPECT_EQ(*c.get(), 5);
  });
}

TEST(SharedResult, GatherWithAValueThatWasMovedOutLeavesTheOthers) {
  run([]() -> Task<void> {
    auto gone = spawn(make, 1);
    auto kept = spawn(make, 2);
    (void)co_await std::move(gone);
    auto again = spawn(make, 3);
    auto other = again;
    (void)co_await std::move(other);
    auto pair = co_await outcome(gather(kept, again));
    EXPECT_THROW((void)std::move(pair).get(), InvalidState);
    const std::vector<JoinHandle<Owned>> both{kept, again};
    auto settled = co_await outcome(all_settled(both));
    EXPECT_THROW((void)std::move(settled).get(), InvalidState);
    EXPECT_EQ(*(co_await std::move(kept)), 2);
  });
}

TEST(SharedResult, ContainersOfWhatCannotBeCopiedMoveToo) {
  using Several = std::vector<Owned>;
  run([]() -> Task<void> {
    auto several = []() -> Task<Several> {
      Several values;
      values.push_back(std::make_unique<int>(1));
      co_return values;
    };
    auto [a] = co_await gather(spawn(several));
    EXPECT_EQ(*a.at(0), 1);
    const Several b = co_await wait_for(1s, spawn(several));
    EXPECT_EQ(*b.at(0), 1);
    Future<Several> future;
    future.set_value(std::move(a));
    const Several c = co_await std::move(future);
    EXPECT_EQ(*c.at(0), 1);
  });
}

// asyncio.wait_for(): _cancel_and_wait() is interrupted like any other wait.
TEST(SharedResult, WaitForWithoutTimeOfATaskCanBeCancelledItself) {
  run([]() -> Task<void> {
    auto stubborn = []() -> Task<void> {
      (void)co_await outcome(sleep(1h));
      co_await sleep(1s);
    };
    auto task = spawn(stubborn);
    co_await yield();
    auto wait = [](JoinHandle<void> on) -> Task<void> { co_await wait_for(0s, on); };
    auto waiter = spawn(wait, task);
    co_await ticks(3);
    waiter.cancel();
    EXPECT_EQ(co_await end_of(waiter), "cancelled");
    EXPECT_FALSE(task.done());
    co_await task;
  });
}

TEST(SharedResult, TasksThatWaitForEachOtherAreReleasedByACancel) {
  run([]() -> Task<void> {
    auto first = std::make_shared<JoinHandle<void>>();
    auto wait = [](std::shared_ptr<JoinHandle<void>> other) -> Task<void> { co_await *other; };
    auto second = spawn(wait, first);
    auto end = [](JoinHandle<void> other) -> Task<void> { co_await wait_for(0s, other); };
    *first = spawn(end, second);
    EXPECT_EQ(co_await end_of(*first), "cancelled");
    co_await second.wait();
    *first = {};
  });
}

TEST(SharedResult, GatherOfHandlesCopiesWhatItCan) {
  run([]() -> Task<void> {
    auto task = spawn(give, 1);
    auto [a] = co_await gather(task);
    auto [b] = co_await all_settled(task);
    EXPECT_EQ(a + b.get() + task.result(), 3);
  });
}

TEST(SharedResult, MovedFutureGivesAValueOfItsOwn) {
  run([]() -> Task<void> {
    Future<Owned> future;
    future.set_value(std::make_unique<int>(1));
    Future<Owned> other = future;
    const Owned value = co_await std::move(other);
    EXPECT_EQ(*value, 1);
    EXPECT_THROW((void)future.result(), InvalidState);
    EXPECT_EQ(co_await end_of(future), "the result of this future was moved out before");

    Future<std::string> text;
    text.set_value("shared");
    Future<std::string> copy = text;
    const std::string own = co_await std::move(copy);
    EXPECT_EQ(own + text.result(), "sharedshared");  // a copy: it has other owners
  });
}

TEST(SharedResult, ErrorOfAFutureStaysForOthers) {
  run([]() -> Task<void> {
    Future<Owned> future;
    future.set_exception(error("no"));
    Future<Owned> other = future;
    EXPECT_EQ(co_await end_of(std::move(other)), "no");
    EXPECT_EQ(text(future.exception()), "no");
  });
}

TEST(SharedResult, FutureBelongsToTheLoopOfItsFirstWaiter) {
  Future<void> future;
  testing::VirtualLoop first;
  auto register_there = [](Future<void> there) -> Task<void> {
    there.add_done_callback([](const Future<void>&) {});
    co_return;
  };
  first.run(register_there(future));
  run([&]() -> Task<void> {
    const std::string refused =
        "cannot wait for a future here: the object is bound to a different event loop";
    EXPECT_EQ(co_await end_of(await_future(future)), refused);
    EXPECT_THROW(future.add_done_callback([](const Future<void>&) {}), InvalidState);
    EXPECT_FALSE(future.done());
  });
}

TEST(SharedResult, TaskThatWaitsForItselfIsToldSo) {
  run([]() -> Task<void> {
    auto self = std::make_shared<JoinHandle<std::string>>();
    auto body = [](std::shared_ptr<JoinHandle<std::string>> own) -> Task<std::string> {
      co_await yield();
      auto wait = [](JoinHandle<std::string> task) -> Task<void> { co_await task.wait(); };
      const std::string waited = co_await end_of(wait(*own));
      const std::string limited = co_await end_of(wait_for(0s, *own));
      EXPECT_EQ(limited, waited);
      co_await yield();  // and no cancel is left behind
      co_return waited;
    };
    *self = spawn(named("narcissus"), body, self);
    const std::string end = co_await *self;
    EXPECT_EQ(end, "task 'narcissus' cannot await on itself");
    *self = {};
  });
}

template <class Awaitable>
Task<void> await_again(Awaitable& awaitable) {
  (void)co_await awaitable;
}

TEST(SharedResult, WaitForSeveralIsAwaitedOnce) {
  run([]() -> Task<void> {
    const std::string once = "this was awaited before: what waits for several tasks waits once";
    auto pair = gather(spawn(give, 1), spawn(give, 2));
    auto [a, b] = co_await pair;
    EXPECT_EQ(a + b, 3);
    EXPECT_EQ(co_await end_of(await_again(pair)), once);
    auto several = gather(std::vector<JoinHandle<int>>{spawn(give, 1)});
    EXPECT_EQ((co_await several).size(), 1U);
    EXPECT_EQ(co_await end_of(await_again(several)), once);
    auto bare = gather(give(1));
    EXPECT_EQ(std::get<0>(co_await bare), 1);
    EXPECT_EQ(co_await end_of(await_again(bare)), once);
  });
}

}  // namespace
}  // namespace coterie
