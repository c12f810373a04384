// Task<T, no_catch>: what a cancel by destruction guarantees, what it does not, and where the exception steps
// in.
#include <gmock/gmock.h>

#include "no_catch_support.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

/// What a user's scope_success would be.
class CommitUnlessThrown {
 public:
  explicit CommitUnlessThrown(bool& committed) : committed_(&committed) {}
  CommitUnlessThrown(const CommitUnlessThrown&) = delete;
  CommitUnlessThrown& operator=(const CommitUnlessThrown&) = delete;
  ~CommitUnlessThrown() { *committed_ = std::uncaught_exceptions() == before_; }

 private:
  bool* committed_;
  int before_ = std::uncaught_exceptions();
};

template <class How>
Task<void, How> commits(bool& committed) {
  CommitUnlessThrown guard(committed);
  co_await sleep(1h);
}

TEST(NoCatch, ASuccessGuardCommits) {
  run([]() -> Task<void> {
    bool by_exception = true;
    bool by_destruction = false;
    auto first = spawn(commits<catching>, std::ref(by_exception));
    auto second = spawn(commits<no_catch>, std::ref(by_destruction));
    co_await ticks(1);
    first.cancel();
    second.cancel();
    co_await ticks(1);
    EXPECT_TRUE(first.cancelled());
    EXPECT_TRUE(second.cancelled());
    EXPECT_FALSE(by_exception);
    EXPECT_TRUE(by_destruction) << "this is the danger that the documentation names first";
  });
}

TEST(NoCatch, CatchBlocksDoNotSeeTheCancel) {
  run([]() -> Task<void> {
    bool seen = false;
    auto task = spawn(
        [](bool& flag) -> Task<void, no_catch> {
          try {
            co_await sleep(1h);
          } catch (...) {
            flag = true;
            throw;
          }
        },
        std::ref(seen));
    co_await ticks(1);
    task.cancel();
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_FALSE(seen);
  });
}

COTERIE_CASE(NoCatch, TheTaskAndWhatItsFramesOwnAreReleasedInTheStepThatDelivers) {
  int alive = 0;
  run([&alive]() -> Task<void> {
    auto task = spawn(
        [](Probe probe) -> Co<int> {
          Probe local(probe);
          co_await sleep(1h);
          co_return local.value();
        },
        Probe(alive));
    co_await ticks(1);
    EXPECT_EQ(alive, 2);
    task.cancel("why");
    EXPECT_EQ(alive, 2);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
    TickCounter counter;
    Outcome<int> end = co_await outcome(task);
    EXPECT_EQ(counter.count(), 1);
    EXPECT_EQ(text(end), "cancelled: why");
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(task.cancelling(), 1U);
    EXPECT_THROW(task.result(), Cancelled);
  });
}

/// What is destroyed by a cancel, its awaiter, callbacks and hooks, in the order in which they hear of it.
template <class How>
Log order_of_hearing() {
  Log log;
  run([&log]() -> Task<void> {
    auto task = spawn(
        [](Log& out) -> Task<void, How> {
          Note note(out, "frame");
          co_await sleep(1h);
        },
        std::ref(log));
    task.add_done_callback([&log](const JoinHandle<void>&) { log.push_back("first callback"); });
    auto waiter = spawn(
        [](JoinHandle<void> target, Log& out) -> Task<void> {
          Outcome<void> end = co_await outcome(target);
          out.push_back("waiter: " + text(end));
        },
        task, std::ref(log));
    co_await ticks(2);
    task.add_done_callback([&log](const JoinHandle<void>&) { log.push_back("second callback"); });
    EventLoop::current().call_soon([&log] { log.push_back("before"); });
    task.cancel("m");
    EventLoop::current().call_soon([&log] { log.push_back("after"); });
    co_await ticks(3);
  });
  for (std::string& line : log)
    if (line == "frame by exception") line = "frame";
  return log;
}

TEST(NoCatch, CallbacksAndAwaitersHearInTheSameOrder) {
  EXPECT_THAT(order_of_hearing<no_catch>(), ElementsAre("before", "frame", "after", "first callback",
                                                        "waiter: cancelled: m", "second callback"));
  EXPECT_EQ(order_of_hearing<catching>(), order_of_hearing<no_catch>());
}

TEST(NoCatch, OnTheNativeStackTheExceptionStepsIn) {
  run([]() -> Task<void> {
    Log log;
    auto cancelled = spawn(sleeper, 1h);
    cancelled.cancel("before");
    co_await ticks(2);
    auto task = spawn(
        [](JoinHandle<void> ended, Log& out) -> Task<void, no_catch> {
          Note note(out, "frame");
          co_await ended;  // has ended: does not suspend, and throws
        },
        cancelled, std::ref(log));
    auto thrower = spawn(
        [](Log& out) -> Task<void, no_catch> {
          Note note(out, "thrower");
          co_await [](Log&) -> Task<void, no_catch> {
            co_await std::suspend_never();
            throw Cancelled("own");
          }(out);
        },
        std::ref(log));
    Outcome<void> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: before");
    end = co_await outcome(thrower);
    EXPECT_EQ(text(end), "cancelled: own");
    EXPECT_THAT(log, ElementsAre("frame by exception", "thrower by exception"));
  });
}

TEST(NoCatch, AnExceptionOfAnotherKindIsAnException) {
  run([]() -> Task<void> {
    Log log;
    auto task = spawn(
        [](Log& out) -> Task<void, no_catch> {
          Note note(out, "frame");
          co_await Subjects<no_catch>::fail_later(1s, "other");
        },
        std::ref(log));
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "other");
    EXPECT_THAT(log, ElementsAre("frame by exception"));
  });
}

TEST(NoCatch, AFrameIsNotLargerAndARecordNeither) {
  EXPECT_EQ(sizeof(detail::Promise<int, no_catch>), sizeof(detail::Promise<int, catching>));
  EXPECT_EQ(sizeof(Frame), 24U);
}

}  // namespace
}  // namespace coterie
