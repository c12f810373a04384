// Promise: the setting side of a Future.
#include "conformance/what_of.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

TEST(Promise, KeptReachesWhoAwaitsTheFuture) {
  run([]() -> Task<void> {
    Promise<int> promise;
    auto task = spawn(await_future<int>, promise.future());
    co_await ticks(1);
    EXPECT_TRUE(promise.wanted());
    EXPECT_TRUE(promise.set_value(4));
    EXPECT_FALSE(promise.wanted());
    int value = co_await task;
    EXPECT_EQ(value, 4);
    EXPECT_THROW(promise.set_value(5), InvalidState);
  });
}

TEST(Promise, GoneWithoutAResultEndsTheFuture) {
  run([]() -> Task<void> {
    Future<int> future;
    {
      Promise<int> promise;
      future = promise.future();
      Promise<int> moved = std::move(promise);
      // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
      EXPECT_THROW(promise.set_value(1), InvalidState);
      EXPECT_FALSE(future.done());
    }
    Outcome<int> end = co_await outcome(await_future(future));
    EXPECT_THROW(end.get(), BrokenPromise);
  });
}

TEST(Promise, ResultThatNobodyWantsAnyMoreIsDropped) {
  run([]() -> Task<void> {
    Promise<void> promise;
    auto task = spawn(await_future<void>, promise.future());
    co_await ticks(1);
    task.cancel();
    EXPECT_FALSE(promise.wanted());
    EXPECT_FALSE(promise.set_exception(error("late")));
    co_await ticks(1);
    EXPECT_TRUE(task.cancelled());
  });
}

TEST(Promise, AssigningBreaksTheOneThatStoodThere) {
  run([]() -> Task<void> {
    Promise<int> promise;
    Future<int> old = promise.future();
    promise = Promise<int>();
    EXPECT_THROW(old.result(), BrokenPromise);
    EXPECT_FALSE(promise.future().done());
    promise.set_value(1);
    co_return;
  });
}

TEST(Promise, NoExceptionAtAllIsRefused) {
  run([]() -> Task<void> {
    Future<int> future;
    EXPECT_EQ(what_of([&] { future.set_exception(nullptr); }),
              "Future::set_exception() was given a null std::exception_ptr, which is no exception: give "
              "std::make_exception_ptr(error), or std::current_exception() inside a catch");
    EXPECT_FALSE(future.done());
    Promise<int> promise;
    EXPECT_THROW(promise.set_exception(nullptr), std::invalid_argument);
    EXPECT_TRUE(promise.wanted());
    co_return;
  });
}

}  // namespace
}  // namespace coterie
