// spawn_on() and RemoteHandle between two virtual loops that this thread runs in turn: each order of events
// exactly. Real threads stand in runtime_test.cpp and in tests/stress.
#include <gmock/gmock.h>

#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;

/// Two loops; each runs when it is told to.
struct Two {
  testing::VirtualLoop here_loop;
  testing::VirtualLoop there_loop;
  EventLoop& here = here_loop.loop();
  EventLoop& there = there_loop.loop();
  void run_here(int count = 4) { here_loop.run(ticks(count)); }
  void run_there(int count = 4) { there_loop.run(ticks(count)); }
};

template <class T>
Task<std::string> end_of_remote(RemoteHandle<T> handle) {
  auto end = co_await outcome(handle);
  co_return text(end);
}

/// A task of `here` that awaits `handle`, already waiting.
template <class T>
JoinHandle<std::string> wait_here(Two& two, RemoteHandle<T> handle) {
  auto waiter = detail::start_main(two.here, end_of_remote(std::move(handle)));
  two.run_here();
  return waiter;
}

Task<int> forward(Future<int> source) {
  const int value = co_await source;
  co_return value;
}

TEST(Remote, ValueReachesATaskOfAnotherLoop) {
  Two two;
  auto handle = spawn_on(two.there, give, 7);
  auto waiter = wait_here(two, handle);
  EXPECT_FALSE(handle.done());
  two.run_there();
  EXPECT_TRUE(handle.done());
  two.run_here();
  EXPECT_EQ(waiter.result(), "value");
  EXPECT_EQ(handle.get(), 7);
}

TEST(Remote, ValueReachesManyWaitersOfManyLoopsAndTheOwner) {
  Two two;
  testing::VirtualLoop third;
  auto handle = spawn_on(two.there, give_later, 1s, 7);
  auto read = [](RemoteHandle<int> remote) -> Task<int> { co_return co_await remote; };
  auto first = detail::start_main(two.here, read(handle));
  auto second = detail::start_main(two.here, read(handle));
  auto other = detail::start_main(third.loop(), read(handle));
  auto own = detail::start_main(two.there, read(handle));
  two.run_here();
  third.run(ticks(3));
  two.there_loop.run(sleeper(2s));
  two.run_here();
  third.run(ticks(3));
  EXPECT_EQ(first.result() + second.result() + other.result() + own.result(), 28);
}

TEST(Remote, MoveOnlyValueMovesOutOnce) {
  Two two;
  auto handle = spawn_on(
      two.there, [](int value) -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(value); }, 5);
  two.run_there();
  two.here_loop.run([](RemoteHandle<std::unique_ptr<int>> mine) -> Task<void> {
    RemoteHandle<std::unique_ptr<int>> copy = mine;
    std::unique_ptr<int> value = co_await std::move(mine);
    EXPECT_EQ(*value, 5);
    EXPECT_THROW((void)copy.get(), InvalidState);
  }(handle));
}

TEST(Remote, ErrorAndMessageOfACancelTravel) {
  Two two;
  auto failing = spawn_on(two.there, fail, "over there");
  auto sleeping = spawn_on(two.there, sleeper, 1h);
  auto first = wait_here(two, failing);
  auto second = wait_here(two, sleeping);
  two.run_there();
  EXPECT_TRUE(sleeping.cancel("from here"));
  EXPECT_FALSE(sleeping.cancelled());  // a request: a message
  two.run_there();
  two.run_here();
  EXPECT_EQ(first.result(), "over there");
  EXPECT_EQ(second.result(), "cancelled: from here");
  EXPECT_TRUE(sleeping.cancelled());
  EXPECT_FALSE(sleeping.cancel());
}

TEST(Remote, CancelledBeforeItStartsItNeverRuns) {
  Two two;
  bool ran = false;
  auto handle = spawn_on(
      two.there,
      [](bool& flag) -> Task<void> {
        flag = true;
        co_return;
      },
      std::ref(ran));
  handle.cancel();
  two.run_there();
  EXPECT_TRUE(handle.cancelled());
  EXPECT_FALSE(ran);
}

TEST(Remote, DroppingTheHandleDetaches) {
  Two two;
  int out = 0;
  spawn_on(
      two.there,
      [](int& result) -> Task<void> {
        co_await sleep(1s);
        result = 1;
      },
      std::ref(out));
  two.there_loop.run(sleeper(2s));
  EXPECT_EQ(out, 1);
}

TEST(RemoteCancel, OfTheAwaiterCancelsTheTaskAndWaitsForItsEnd) {
  Two two;
  auto slow_to_end = []() -> Task<void> {
    Outcome<void> end = co_await outcome(sleep(1h));
    co_await sleep(1s);
    end.get();
  };
  auto handle = spawn_on(two.there, slow_to_end);
  auto waiter = wait_here(two, handle);
  two.run_there();
  waiter.cancel("stop");
  two.run_here();
  EXPECT_FALSE(waiter.done());
  two.there_loop.run(sleeper(2s));
  EXPECT_TRUE(handle.cancelled());
  two.run_here();
  EXPECT_EQ(waiter.result(), "cancelled: stop");
}

TEST(RemoteCancel, ThatTheTaskAnswersWithAValueGivesTheValue) {
  Two two;
  auto stubborn = []() -> Task<int> {
    (void)co_await outcome(sleep(1h));
    co_return 5;
  };
  auto waiter = wait_here(two, spawn_on(two.there, stubborn));
  two.run_there();
  waiter.cancel();
  two.run_there();
  two.run_here();
  EXPECT_EQ(waiter.result(), "value");
}

TEST(RemoteCancel, AfterTheEndIsOnItsWayReplacesTheResult) {
  Two two;
  Future<int> source;
  auto handle = spawn_on(two.there, forward, source);
  auto waiter = wait_here(two, handle);
  two.run_there();
  source.set_value(1);
  two.run_there();  // ended, and its message lies in this loop's inbox
  waiter.cancel("late");
  two.run_here();
  EXPECT_EQ(waiter.result(), "cancelled: late");
  EXPECT_EQ(handle.get(), 1);
}

TEST(RemoteCancel, ThatFindsTheTaskEndedIsNotLost) {
  Two two;
  Future<int> source;
  auto waiter = wait_here(two, spawn_on(two.there, forward, source));
  two.run_there();
  source.set_value(1);       // the task is ready to run to its end…
  waiter.cancel("crossed");  // …when the request sets out
  two.run_there();
  two.run_here();
  EXPECT_EQ(waiter.result(), "cancelled: crossed");
  EXPECT_EQ(waiter.cancelling(), 1U);
}

TEST(RemoteCancel, ThatWasTakenBackMeanwhileIsNot) {
  Two two;
  Future<int> source;
  auto waiter = wait_here(two, spawn_on(two.there, forward, source));
  two.run_there();
  source.set_value(1);
  waiter.cancel("crossed");
  waiter.uncancel();
  two.run_there();
  two.run_here();
  EXPECT_EQ(waiter.result(), "value");
}

TEST(RemoteCancel, OfOneThatOnlyWaitsLeavesTheTaskAlone) {
  Two two;
  auto handle = spawn_on(two.there, give_later, 1s, 3);
  auto waiter =
      detail::start_main(two.here, [](RemoteHandle<int> h) -> Task<void> { co_await h.wait(); }(handle));
  two.run_here();
  waiter.cancel();
  two.run_here();
  EXPECT_TRUE(waiter.cancelled());
  two.there_loop.run(sleeper(2s));
  EXPECT_EQ(handle.get(), 3);
}

TEST(RemoteCancel, ByAStopTokenThatWasGivenWithTheName) {
  Two two;
  std::stop_source stop;
  auto handle = spawn_on(two.there, named("stoppable").stop_token(stop.get_token()), sleeper, 1h);
  EXPECT_EQ(handle.name(), "stoppable");
  two.run_there();
  std::thread([&] { stop.request_stop(); }).join();
  two.run_there();
  EXPECT_TRUE(handle.cancelled());
}

TEST(RemoteClosed, OwnerThatClosesByForceGivesTheWaiterLoopClosed) {
  Two two;
  two.there.set_exception_handler([](const ErrorContext&) {});
  auto started = spawn_on(two.there, sleeper, 1h);
  auto waiter = wait_here(two, started);
  two.run_there();
  auto queued = spawn_on(two.there, give, 1);
  two.there.close();
  auto too_late = spawn_on(two.there, give, 1);
  two.run_here();
  EXPECT_THAT(waiter.result(), HasSubstr("closed"));
  EXPECT_THROW(started.get(), LoopClosed);
  EXPECT_THROW(queued.get(), LoopClosed);
  EXPECT_THROW(too_late.get(), LoopClosed);
  EXPECT_FALSE(started.cancelled());
}

TEST(RemoteClosed, OwnerThatStopsItsTasksGivesLoopClosedUnlessSomebodyAskedForTheCancel) {
  Two two;
  auto left = spawn_on(two.there, sleeper, 1h);
  auto asked = spawn_on(two.there, sleeper, 1h);
  two.run_there();
  asked.cancel();
  (void)two.there.cancel_all_and_run(1s);
  EXPECT_THROW(left.get(), LoopClosed);
  EXPECT_THROW(asked.get(), Cancelled);
}

TEST(RemoteClosed, WaitersLoopThatClosesFirstLeavesTheOwnerAlone) {
  Two two;
  two.here.set_exception_handler([](const ErrorContext&) {});
  Future<int> source;
  auto handle = spawn_on(two.there, forward, source);
  auto waiter = wait_here(two, handle);
  auto on_its_way = wait_here(two, spawn_on(two.there, give, 1));
  two.run_there();
  two.here.close();
  source.set_value(4);
  two.run_there();
  EXPECT_EQ(handle.get(), 4);
  EXPECT_TRUE(waiter.cancelled());
}

TEST(RemoteClosed, ByItsInboxALoopMayBeGone) {
  std::shared_ptr<Inbox> inbox;
  {
    testing::VirtualLoop loop;
    inbox = loop.loop().inbox();
  }
  EXPECT_THROW((void)spawn_on(inbox, give, 1).get(), LoopClosed);
}

TEST(Remote, StartsEagerlyInTheTurnInWhichItArrives) {
  Two two;
  std::vector<std::string> order;
  const auto note = [](std::vector<std::string>& out, std::string name) -> Task<void> {
    out.push_back(name);
    co_return;
  };
  auto plain = spawn_on(two.there, note, std::ref(order), "plain");
  auto eager = spawn_on(two.there, SpawnOptions().eager(), note, std::ref(order), "eager");
  two.run_there();
  EXPECT_EQ(order, (std::vector<std::string>{"eager", "plain"}));
  EXPECT_TRUE(eager.done() && plain.done());
  Reports there(two.there);
  auto fatal = spawn_on(two.there, SpawnOptions().eager(), []() -> Task<void> {
    throw Fatal("enough");
    co_return;
  });
  EXPECT_THROW(two.run_there(), Fatal);
  EXPECT_THROW(fatal.get(), Fatal);
  EXPECT_EQ(there.count(), 0U);
}

TEST(RemoteReport, ErrorThatNobodyRetrievedIsReportedByTheOwner) {
  Two two;
  Reports there(two.there);
  Reports here(two.here);
  spawn_on(two.there, named("lonely"), fail, "unseen");
  two.run_there();
  ASSERT_EQ(there.count(), 1U);  // no handle was left
  EXPECT_EQ(there[0].task, "lonely");
  {
    auto handle = spawn_on(two.there, fail, "dropped elsewhere");
    two.run_there();
    EXPECT_EQ(there.count(), 1U);
    std::thread([mine = std::move(handle)] {}).join();
  }
  two.run_there();
  ASSERT_EQ(there.count(), 2U);
  EXPECT_EQ(text(there[1].error), "dropped elsewhere");
  {
    auto seen = spawn_on(two.there, fail, "seen");
    two.run_there();
    EXPECT_THROW(seen.get(), Boom);
  }
  two.run_there();
  EXPECT_EQ(there.count(), 2U);
  EXPECT_EQ(here.count(), 0U);
}

TEST(RemoteMisuse, GetOnALoopsThreadIsRefusedUnlessTheTaskHasEnded) {
  Two two;
  auto handle = spawn_on(two.there, give, 1);
  two.here_loop.run([](RemoteHandle<int> h) -> Task<void> {
    EXPECT_THROW((void)h.get(), std::logic_error);
    co_return;
  }(handle));
  two.run_there();
  two.here_loop.run([](RemoteHandle<int> h) -> Task<void> {
    EXPECT_EQ(h.get(), 1);
    co_return;
  }(handle));
  RemoteHandle<int> empty;
  EXPECT_FALSE(empty);
  EXPECT_THROW((void)empty.done(), InvalidState);
}

TEST(RemoteMisuse, TaskThatAwaitsItselfIsTold) {
  Two two;
  RemoteHandle<void> handle;
  handle = spawn_on(
      two.there,
      [](RemoteHandle<void>& self) -> Task<void> {
        RemoteHandle<void> mine = self;
        co_await mine;
      },
      std::ref(handle));
  two.run_there();
  EXPECT_THROW(handle.get(), InvalidState);
}

TEST(RemoteMisuse, GetForGivesUpAtTheLimitAndTheTaskRunsOn) {
  Two two;
  auto handle = spawn_on(two.there, give, 2);
  EXPECT_THROW((void)handle.get_for(1ms), TimeoutError);
  two.run_there();
  EXPECT_EQ(handle.get_for(1h), 2);
}

TEST(RemoteCall, PlainFunctionRunsOnTheLoopsThreadInLineWithTasks) {
  Two two;
  auto first = spawn_on(two.there, give, 1);
  auto count = call_on(
      two.there,
      [](EventLoop* loop) { return EventLoop::current_or_null() == loop ? loop->task_count() : 0; },
      &two.there);
  auto failed = call_on(two.there, [] { throw Boom("in the call"); });
  two.run_there(1);
  EXPECT_EQ(count.get(), 2U);  // the first task and the one that runs the loop
  EXPECT_THROW(failed.get(), Boom);
  two.there.close();
  EXPECT_THROW(call_on(two.there, [] {}).get(), LoopClosed);
}

}  // namespace
}  // namespace coterie
