// use_task: who wins where an operation and a cancel of its task meet.
#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "coterie/await_outcome.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"
#include "coterie/timeout.hpp"
#include "io/manual_operation.hpp"

namespace coterie::io_test {
namespace {

using namespace std::chrono_literals;
using boost::system::error_code;

template <class How>
Task<int, How> take(Manual<error_code, int>& operation, int& after) {
  const int got = co_await operation.begin();
  after = got;
  co_await yield();  // where a cancel that came too late is delivered
  after = -1;
  co_return got;
}

/// Which of the two comes first, and what the operation then ends with.
template <class How>
Task<void> race_of(bool cancel_first, error_code error, int value_seen) {
  Manual<error_code, int> operation;
  int after = 0;
  auto task = spawn(take<How>, std::ref(operation), std::ref(after));
  co_await yield();
  if (cancel_first) {
    task.cancel("late");
    co_await sleep(1ms);  // the slot is told at the next poll
    EXPECT_EQ(operation.cancels, 1);
    EXPECT_FALSE(task.done());
  }
  operation.end(error, 5);
  if (!cancel_first) task.cancel("late");
  Outcome<int> end = co_await outcome(task);
  EXPECT_EQ(after, value_seen);
  EXPECT_TRUE(end.cancelled());
  try {
    end.get();
  } catch (const Cancelled& cancel) {
    EXPECT_EQ(cancel.message(), "late");
  }
}
TEST(UseTaskCancel, ResultThatWonTheRaceIsDeliveredAndTheCancelAtTheNextSuspension) {
  for (const bool cancel_first : {false, true}) {
    run(race_of<catching>(cancel_first, {}, 5));
    run(race_of<no_catch>(cancel_first, {}, 5));
  }
}
TEST(UseTaskCancel, AbortedOperationIsACancelWhereOneWasAskedFor) {
  run(race_of<catching>(true, asio::error::operation_aborted, 0));
  run(race_of<no_catch>(true, asio::error::operation_aborted, 0));
}

Task<void> aborted_by_another() {
  asio::steady_timer timer(io::asio_context(), 1h);
  auto body = [](asio::steady_timer& of) -> Task<error_code> {
    try {
      co_await of.async_wait(use_task);
    } catch (const boost::system::system_error& error) {
      co_return error.code();
    }
    co_return error_code();
  };
  auto task = spawn(body, std::ref(timer));
  co_await yield();
  timer.cancel();
  EXPECT_EQ(co_await task, asio::error::operation_aborted);
}
TEST(UseTaskCancel, OperationThatSomebodyElseAbortsIsAnError) {
  run(aborted_by_another());
}

Task<void> cancelled_before() {
  Manual<> operation;
  auto body = [](Manual<>& of) -> Task<void> {
    EventLoop::require_task().cancel(nullptr);
    co_await of.begin();
  };
  Outcome<void> end = co_await outcome(spawn(body, std::ref(operation)));
  EXPECT_TRUE(end.cancelled());
  EXPECT_FALSE(operation.begun());
}
TEST(UseTaskCancel, TaskThatIsCancelledAlreadyBeginsNothing) {
  run(cancelled_before());
}

/// "Drop the connection, cancel its reader."
Task<void> object_is_gone() {
  auto timer = std::make_unique<asio::steady_timer>(io::asio_context(), 1h);
  auto body = [](asio::steady_timer& of) -> Task<void> { co_await of.async_wait(use_task); };
  auto task = spawn(body, std::ref(*timer));
  co_await yield();
  timer.reset();
  task.cancel();
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());
}
TEST(UseTaskCancel, AfterItsObjectHasGoneIsACancelToo) {
  run(object_is_gone());
}

Task<void> taken_back() {
  asio::steady_timer timer(io::asio_context(), 1h);
  auto body = [](asio::steady_timer& of) -> Task<void> { co_await of.async_wait(use_task); };
  auto task = spawn(body, std::ref(timer));
  co_await yield();
  task.cancel();
  task.uncancel();
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());  // as with any other wait: it was interrupted already
}
TEST(UseTaskCancel, TakenBackItHasInterruptedTheOperationAllTheSame) {
  run(taken_back());
}

Task<void> aborted_by_exception() {
  Manual<std::exception_ptr> operation;
  auto body = [](Manual<std::exception_ptr>& of) -> Task<void> { co_await of.begin(); };
  auto task = spawn(body, std::ref(operation));
  co_await yield();
  task.cancel();
  co_await sleep(1ms);
  operation.end(
      std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted, "aborted")));
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());
}
TEST(UseTaskCancel, AbortThatComesAsAnExceptionIsACancel) {
  run(aborted_by_exception());
}

/// In the cleanup of a cancelled task, with data and deadline at once.
Task<void> deadline_and_data() {
  Manual<error_code, int> operation;
  auto body = [](Manual<error_code, int>& of) -> Task<void> {
    Outcome<void> outer = co_await outcome(sleep(1h));
    EXPECT_TRUE(outer.cancelled());
    auto block = [&of](Timeout&) -> Task<int> { co_return co_await of.begin(); };
    const int got = co_await timeout(1ms, block);
    EXPECT_EQ(got, 5);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 1U);
    Outcome<void> next = co_await outcome(sleep(1ms));
    EXPECT_FALSE(next.cancelled()) << "the deadline's own cancel came out of its block";
    outer.get();
  };
  auto task = spawn(body, std::ref(operation));
  co_await yield();
  task.cancel();
  while (operation.cancels == 0) co_await sleep(1ms);  // the deadline has passed
  operation.end({}, 5);
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());
}
TEST(UseTaskCancel, DeadlineThatLostTheRaceDoesNotLeakOutOfItsBlock) {
  run(deadline_and_data());
}

Task<void> timed_out() {
  asio::steady_timer timer(io::asio_context(), 1h);
  auto body = [](asio::steady_timer& of) -> Task<void> { co_await of.async_wait(use_task); };
  co_await wait_for(1ms, body(timer));
}
TEST(UseTaskCancel, TimeoutCancelsTheOperation) {
  EXPECT_THROW(run(timed_out()), TimeoutError);
}

}  // namespace
}  // namespace coterie::io_test
