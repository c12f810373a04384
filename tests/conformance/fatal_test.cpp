// What ends the program: asyncio's KeyboardInterrupt and SystemExit are `Fatal` here.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

std::string fatal_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Fatal& fatal) {
    return "fatal: " + fatal.reason();
  } catch (...) {
    return text(error);
  }
}

// 17. test_base_events::BaseEventLoopTests.test_run_until_complete_baseexception
COTERIE_CASE(FatalError, OutOfATaskEndsTheRunAndLeavesNoQueuedStop) {
  testing::VirtualLoop owner;
  const auto raise = []() -> Co<void> {
    co_await yield();
    throw Fatal("interrupt");
  };
  EXPECT_THROW(owner.run(raise()), Fatal);
  bool called = false;
  owner.loop().call_soon([&] {
    owner.loop().call_soon([&] {
      called = true;
      owner.loop().stop();
    });
  });
  owner.loop().run_forever();
  EXPECT_TRUE(called);
}

// 63. test_tasks::BaseTaskTests.test_baseexception_during_cancel
COTERIE_CASE(FatalError, AsAnAnswerToACancelEscapesTheRunAndStaysInTheTask) {
  testing::VirtualLoop owner;
  JoinHandle<void> task;
  owner.run([](JoinHandle<void>& out) -> Task<void> {
    out = spawn([]() -> Co<void> {
      Outcome<void> end = co_await outcome(sleep(10s));
      if (end.cancelled()) throw Fatal("base");
    });
    co_await ticks(2);
  }(task));
  EXPECT_TRUE(task.cancel());
  EXPECT_FALSE(task.done());
  EXPECT_THROW(owner.run(ticks(5)), Fatal);
  EXPECT_TRUE(task.done());
  EXPECT_FALSE(task.cancelled());
  EXPECT_EQ(fatal_of(task.exception()), "fatal: base");
}

// 143. test_taskgroups::BaseTestTaskGroup.test_taskgroup_20: what ends the program leaves the group bare.
COTERIE_CASE(FatalError, OfAGroupsBodyLeavesTheGroupBare) {
  testing::VirtualLoop owner;
  Reports reports(owner.loop());
  std::string end;
  bool child_cancelled = false;
  const auto main = [](std::string& out, bool& cancelled) -> Co<void> {
    const auto body = [&cancelled](TaskGroup& group) -> Co<void> {
      group.spawn(
          [](bool& seen) -> Co<void> {
            Outcome<void> slept = co_await outcome(sleep(10s));
            seen = slept.cancelled();
            throw Boom("of a child");
          },
          std::ref(cancelled));
      co_await sleep(1s);
      throw Fatal("of the body");
    };
    Outcome<void> group_end = co_await outcome(task_group(body));
    out = fatal_of(group_end.error());
  };
  owner.run(main(end, child_cancelled));
  EXPECT_EQ(end, "fatal: of the body");
  EXPECT_TRUE(child_cancelled);
  // gh-135736: what the others threw is not lost.
  EXPECT_THAT(reports.messages(), ElementsAre("unhandled error in a TaskGroup that a fatal one ended"));
  EXPECT_EQ(text(reports[0].error), "of a child");
}

struct NoStdException {
  int code;
};

// 143. test_taskgroups::BaseTestTaskGroup.test_taskgroup_20a: what merely is no std::exception goes with the
// others.
COTERIE_CASE(FatalError, OtherThrownObjectsGoIntoTheGroup) {
  run([]() -> Task<void> {
    const auto body = [](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::crash_on_cancel, 10s, "of a child");
      co_await sleep(1s);
      throw NoStdException{3};
    };
    Outcome<void> end = co_await outcome(task_group(body));
    int code = 0;
    try {
      end.get();
    } catch (const ExceptionGroup& group) {
      EXPECT_EQ(group.errors().size(), 2U);
      group.for_each<NoStdException>([&](const NoStdException& error) { code = error.code; });
    }
    EXPECT_EQ(code, 3);
  });
}

// Beyond the list: of a child it leaves the group bare too; the run has ended when it was thrown, and ends by
// it once.
COTERIE_CASE(FatalError, OfAChildEndsTheRunOnceHoweverManyTasksItGoesThrough) {
  testing::VirtualLoop owner;
  JoinHandle<void> parent;
  EXPECT_THROW(owner.run([](JoinHandle<void>& out) -> Task<void> {
    out = spawn([]() -> Co<void> {
      co_await task_group([](TaskGroup& group) -> Co<void> {
        group.spawn(Subjects::fail_later, 1s, "too late");
        group.spawn([]() -> Co<void> {
          co_await yield();
          throw Fatal("of a child");
        });
        co_await sleep(10s);
      });
    });
    co_await sleep(5s);
  }(parent)),
               Fatal);
  EXPECT_FALSE(parent.done());
  owner.run(ticks(5));  // the parent ends by it now, and this run does not
  EXPECT_EQ(fatal_of(parent.exception()), "fatal: of a child");
}

TEST(FatalError, OutOfACallbackEndsTheRun) {
  testing::VirtualLoop owner;
  Reports reports(owner.loop());
  owner.loop().call_soon([] { throw Fatal("callback"); });
  owner.loop().call_soon([] { throw Fatal("second"); });
  EXPECT_THROW(owner.loop().run_forever(), Fatal);
  EXPECT_THAT(reports.messages(), ElementsAre("A run of the loop ended with another fatal error"));
  owner.loop().call_later(1s, [] { throw Fatal("timer"); });
  EXPECT_THROW(owner.loop().run_forever(), Fatal);
  owner.run(nop());
}

template <class How>
Task<void, How> leave_with_fatal(bool& cleaned_up) {
  spawn(
      [](bool& done) -> Task<void, How> {
        Outcome<void> end = co_await outcome(sleep(1h));
        done = end.cancelled();
        end.get();
      },
      std::ref(cleaned_up));
  co_await ticks(2);
  throw Fatal("enough");
}

COTERIE_CASE(FatalError, ComesOutOfRunAfterTheOthersHaveEnded) {
  bool cleaned_up = false;
  try {
    coterie::run(leave_with_fatal<How>(cleaned_up), run_options());
    ADD_FAILURE();
  } catch (const Fatal& fatal) {
    EXPECT_EQ(fatal.reason(), "enough");
    EXPECT_TRUE(cleaned_up);
  }
}

template <class How>
Task<void, How> leave_one_that_answers_with_fatal() {
  spawn([]() -> Task<void, How> {
    Outcome<void> end = co_await outcome(sleep(1h));
    throw Fatal("at the end");
  });
  co_await ticks(2);
}

COTERIE_CASE(FatalError, OfALeftoverComesOutOfRunWithTheLoopClosed) {
  EXPECT_THROW(coterie::run(leave_one_that_answers_with_fatal<How>(), run_options()), Fatal);
  EXPECT_EQ(coterie::run(Subjects::give(4), run_options()), 4);
}

}  // namespace
}  // namespace coterie
