// Future (list B). Line numbers and names are those of CPython 3.14.7's test_asyncio.
#include <gmock/gmock.h>

#include <functional>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 28. test_futures::BaseFutureTests.test_cancel
TEST(Future, CancelIsSynchronousAndFinal) {
  run([]() -> Task<void> {
    Future<int> future;
    EXPECT_TRUE(future.cancel());
    EXPECT_TRUE(future.cancelled());
    EXPECT_TRUE(future.done());
    EXPECT_THROW(future.result(), Cancelled);
    EXPECT_THROW((void)future.exception(), Cancelled);
    EXPECT_THROW(future.set_value(1), InvalidState);
    EXPECT_THROW(future.set_exception(error("late")), InvalidState);
    EXPECT_FALSE(future.cancel());
    co_return;
  });
}

// 29. test_futures::BaseFutureTests.test_result, test_exception
TEST(Future, ResultAndExceptionNeedAnEnd) {
  run([]() -> Task<void> {
    Future<int> value;
    EXPECT_THROW(value.result(), InvalidState);
    EXPECT_THROW((void)value.exception(), InvalidState);
    value.set_value(42);
    EXPECT_EQ(value.result(), 42);
    EXPECT_EQ(value.exception(), nullptr);
    EXPECT_THROW(value.set_value(43), InvalidState);
    EXPECT_FALSE(value.cancel());

    Future<int> failed;
    failed.set_exception(error("bad"));
    EXPECT_THROW(failed.result(), Boom);
    EXPECT_EQ(text(failed.exception()), "bad");
    EXPECT_THROW(failed.set_exception(error("again")), InvalidState);
    co_return;
  });
}

// 30. test_futures::BaseFutureTests.test_tb_logger_exception_unretrieved
TEST(Future, ExceptionThatNobodyRetrievedIsReportedWithTheLastHandle) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](Reports& told) -> Task<void> {
    auto future = std::make_unique<Future<int>>();
    auto copy = std::make_unique<Future<int>>(*future);
    future->set_exception(error("lost"));
    future.reset();
    EXPECT_EQ(told.count(), 0U);
    copy.reset();
    EXPECT_EQ(told.count(), 1U);
    EXPECT_EQ(told[0].message, "Future exception was never retrieved");
    EXPECT_EQ(text(told[0].error), "lost");
    co_return;
  }(reports));
}

// 31. test_futures::BaseFutureTests.test_tb_logger_exception_retrieved, …_exception_result_retrieved
COTERIE_CASE(Future, RetrievedExceptionIsNotReported) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    {
      Future<int> future;
      future.set_exception(error("seen"));
      EXPECT_NE(future.exception(), nullptr);
    }
    {
      Future<int> future;
      future.set_exception(error("seen"));
      EXPECT_THROW(future.result(), Boom);
    }
    {
      Future<int> future;
      future.set_exception(error("seen"));
      std::string end = co_await end_of(Subjects::await_future(future));
      EXPECT_EQ(end, "seen");
    }
  }());
  EXPECT_EQ(reports.count(), 0U);
}

// 32. test_futures::BaseFutureTests.test_tb_logger_not_called_after_cancel
TEST(Future, CancelAfterTheExceptionSilencesIt) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    Future<int> future;
    future.set_exception(error("known"));
    EXPECT_FALSE(future.cancel());
    co_return;
  }());
  EXPECT_EQ(reports.count(), 0U);
}

// 33. test_futures::BaseFutureTests.test_tb_logger_abandoned, …_result_unretrieved
TEST(Future, PendingOrUnreadValueIsDroppedSilently) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    {
      Future<int> pending;
    }
    Future<int> unread;
    unread.set_value(1);
    co_return;
  }());
  EXPECT_EQ(reports.count(), 0U);
}

// 34. test_futures::BaseFutureTests.test_set_result_unless_cancelled
TEST(Future, ValueForACancelledFutureIsDropped) {
  run([]() -> Task<void> {
    Future<int> future;
    future.cancel();
    EXPECT_FALSE(future.set_value_unless_cancelled(2));
    EXPECT_TRUE(future.cancelled());
    Future<int> wanted;
    EXPECT_TRUE(wanted.set_value_unless_cancelled(3));
    EXPECT_EQ(wanted.result(), 3);
    EXPECT_THROW(wanted.set_value_unless_cancelled(4), InvalidState);
    co_return;
  });
}

// 37. test_futures::BaseFutureDoneCallbackTests.test_callbacks_invoked_on_set_result
TEST(Future, CallbacksRunOneTickLaterInOrder) {
  run([]() -> Task<void> {
    std::vector<int> order;
    Future<int> future;
    future.add_done_callback([&](const Future<int>& f) { order.push_back(f.result()); });
    future.add_done_callback([&](const Future<int>& f) { order.push_back(f.result() + 1); });
    future.set_value(10);
    EXPECT_TRUE(order.empty());
    co_await yield();
    EXPECT_THAT(order, ElementsAre(10, 11));
    future.add_done_callback([&](const Future<int>&) { order.push_back(12); });
    EXPECT_EQ(order.size(), 2U);
    co_await yield();
    EXPECT_THAT(order, ElementsAre(10, 11, 12));
  });
}

using Callback = void (*)(const Future<int>&);
int first_calls = 0;
int second_calls = 0;
void first(const Future<int>&) {
  ++first_calls;
}
void second(const Future<int>&) {
  ++second_calls;
}

// 38. test_futures::BaseFutureDoneCallbackTests.test_remove_done_callback
TEST(Future, RemovingACallbackRemovesAllThatEqualIt) {
  run([]() -> Task<void> {
    first_calls = second_calls = 0;
    Future<int> future;
    for (const Callback callback : {&first, &second, &first, &second}) future.add_done_callback(callback);
    EXPECT_EQ(future.remove_done_callback(&first), 2U);
    EXPECT_EQ(future.remove_done_callback(&first), 0U);
    future.set_value(1);
    co_await yield();
    EXPECT_EQ(first_calls, 0);
    EXPECT_EQ(second_calls, 2);

    Future<int> other;
    for (int i = 0; i < 6; ++i) other.add_done_callback(&first);
    other.add_done_callback(&second);
    EXPECT_EQ(other.remove_done_callback(first), 6U);
    other.set_value(1);
    co_await yield();
    EXPECT_EQ(first_calls, 0);
    EXPECT_EQ(second_calls, 3);
  });
}

// 39. test_futures::BaseFutureDoneCallbackTests.test_schedule_callbacks_list_mutation_1
TEST(Future, CallbackThatRemovesALaterOneComesTooLate) {
  run([]() -> Task<void> {
    first_calls = 0;
    Future<int> future;
    std::size_t removed = 99;
    future.add_done_callback([&removed](const Future<int>& f) { removed = f.remove_done_callback(&first); });
    future.add_done_callback(&first);
    future.add_done_callback(&first);
    future.set_value(1);
    co_await yield();
    EXPECT_EQ(removed, 0U);
    EXPECT_EQ(first_calls, 2);
  });
}

/// Equals nothing, and when it is asked does something to the future's callbacks.
struct Evil {
  std::function<void()>* deed;
  void operator()(const Future<int>&) const {}
  friend bool operator==(const Evil& a, const Evil&) {
    if (*a.deed) (*a.deed)();
    return false;
  }
};

// 40. test_futures::BaseFutureDoneCallbackTests.test_remove_done_callbacks_list_mutation, …_list_clear
TEST(Future, ComparisonThatChangesTheCallbacksDoesNoHarm) {
  run([]() -> Task<void> {
    for (const bool settles : {false, true}) {
      first_calls = 0;
      Future<int> future;
      std::function<void()> deed;
      for (int i = 0; i < 3; ++i) {
        future.add_done_callback(Evil{&deed});
        future.add_done_callback(&first);
      }
      std::size_t removed = 0;
      deed = [&] {
        if (settles && !future.done()) future.set_value(1);
        removed += future.remove_done_callback(&first);
        future.add_done_callback(&second);
      };
      EXPECT_EQ(future.remove_done_callback(Evil{&deed}), 0U);
      EXPECT_EQ(removed, settles ? 0U : 3U);
      if (!settles) future.set_value(1);
      co_await ticks(2);
      EXPECT_EQ(first_calls, settles ? 3 : 0);
    }
  });
}

// 41. test_tasks::BaseTaskTests.test_step_result_future
COTERIE_CASE(Future, AwaitingTaskHasTheValueOneTickAfterItWasSet) {
  run([]() -> Task<void> {
    Future<int> future;
    auto task = spawn(Subjects::template await_future<int>, future);
    co_await yield();
    future.set_value(10);
    EXPECT_FALSE(task.done());
    co_await yield();
    EXPECT_TRUE(task.done());
    EXPECT_EQ(task.result(), 10);
  });
}

// Beyond the list: many tasks may await one future; each gets the value, or the exception.
COTERIE_CASE(Future, ManyTasksAwaitOne) {
  run([]() -> Task<void> {
    Future<int> value;
    Future<int> failed;
    auto a = spawn(Subjects::template await_future<int>, value);
    auto b = spawn(Subjects::template await_future<int>, value);
    auto c = spawn(end_of<Co<int>>, Subjects::await_future(failed));
    auto d = spawn(end_of<Co<int>>, Subjects::await_future(failed));
    co_await yield();
    value.set_value(3);
    failed.set_exception(error("both"));
    co_await ticks(2);
    EXPECT_EQ(a.result(), 3);
    EXPECT_EQ(b.result(), 3);
    EXPECT_EQ(c.result(), "both");
    EXPECT_EQ(d.result(), "both");
  });
}

// Callbacks may be registered inside a loop and the result be set between two runs of it.
TEST(Future, SettledWhileTheLoopDoesNotRun) {
  testing::VirtualLoop loop;
  Future<int> future;
  int seen = 0;
  loop.run([](Future<int> f, int& out) -> Task<void> {
    f.add_done_callback([&out](const Future<int>& done) { out = done.result(); });
    co_return;
  }(future, seen));
  future.set_value(5);
  loop.run(ticks(2));
  EXPECT_EQ(seen, 5);
}

}  // namespace
}  // namespace coterie
