// Who holds what is waited for, who cancelled whom, and what dumps leave out when they are told to.
#include <gmock/gmock.h>

#include <limits>
#include <string>

#include "coterie/debug/dump.hpp"
#include "coterie/sync/condition.hpp"
#include "coterie/sync/event.hpp"
#include "coterie/sync/lock.hpp"
#include "coterie/sync/queue.hpp"
#include "coterie/sync/rw_lock.hpp"
#include "coterie/sync/semaphore.hpp"
#include "support/runtime.hpp"
#include "tests/debug/masked.hpp"

namespace coterie {
namespace {
using namespace test;
using debug::DumpOptions;
using debug::LoopSnapshot;
using debug::TaskSnapshot;
using debug::TaskState;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Task<void> both(Lock& first, Lock& second) {
  const LockGuard one = co_await first.scoped();
  co_await yield();
  const LockGuard other = co_await second.scoped();
}

Task<void> at_lock(Lock& lock) {
  const LockGuard guard = co_await lock.scoped();
}

TEST(Deadlock, NamesTasksLocksAndLines) {
  run([]() -> Task<void> {
    Lock a;
    Lock b;
    auto first = spawn(named("first"), both, std::ref(a), std::ref(b));
    auto second = spawn(named("second"), both, std::ref(b), std::ref(a));
    co_await ticks(4);
    const std::string text = masked(debug::dump(EventLoop::current()));
    EXPECT_THAT(text, HasSubstr("#2 first  pending  waits for a lock @1, held by #3 'second'"));
    EXPECT_THAT(text, HasSubstr("#3 second  pending  waits for a lock @2, held by #2 'first'"));
    EXPECT_THAT(
        text,
        HasSubstr("\ndeadlock: #2 'first' -> lock @1 held by #3 'second' -> lock @2 held by #2 'first'\n"
                  "   #2 'first' waits at coterie::both() deadlock_test.cpp:L\n"
                  "   #3 'second' waits at coterie::both() deadlock_test.cpp:L\n"));
    const std::string json = debug::dump_json(EventLoop::current());
    const std::string ids[] = {std::to_string(first.id()), std::to_string(second.id())};
    EXPECT_THAT(json, HasSubstr("\"deadlocks\":[[{\"task\":" + ids[0] + ",\"waits_for\":" + ids[1] +
                                ",\"object\":\"0x"));
    first.cancel();
    co_await first.wait();
    EXPECT_THAT(debug::dump(EventLoop::current()), Not(HasSubstr("deadlock: ")));
    co_await second;
  });
}

TEST(Deadlock, ALockTwiceIsWaitingForOneself) {
  run([]() -> Task<void> {
    Lock lock;
    auto alone = spawn(named("alone"), both, std::ref(lock), std::ref(lock));
    co_await ticks(3);
    EXPECT_THAT(masked(debug::dump(EventLoop::current())),
                HasSubstr("deadlock: #2 'alone' -> lock @1 held by #2 'alone'\n"));
    alone.cancel();
    co_await alone.wait();
  });
}

TEST(Deadlock, GoesThroughTasksThatAreAwaited) {
  run([]() -> Task<void> {
    Lock lock;
    auto parent = spawn(
        named("parent"),
        [](Lock& l) -> Task<void> {
          const LockGuard guard = co_await l.scoped();
          co_await spawn(named("child"), at_lock, std::ref(l));
        },
        std::ref(lock));
    co_await ticks(4);
    EXPECT_THAT(masked(debug::dump(EventLoop::current())),
                AllOf(HasSubstr("'parent' -> "), HasSubstr("'child' -> lock @1 held by #2 'parent'")));
    parent.cancel();
    co_await parent.wait();
  });
}

TEST(Holders, AWriterIsKnownAndSoIsTheNewestReader) {
  run([]() -> Task<void> {
    RwLock lock;
    const auto write = [](RwLock& l, Future<void> end) -> Task<void> {
      const WriteGuard guard = co_await l.write();
      co_await end;
    };
    Future<void> end;
    auto writer = spawn(named("writer"), write, std::ref(lock), end);
    auto next = spawn(named("next"), write, std::ref(lock), end);
    co_await ticks(2);
    EXPECT_EQ(debug::snapshot(next).held_by, writer.id());
    end.set_value();
    co_await writer;
    co_await next;
    ReadGuard reader = co_await lock.read();
    Event leave;
    const auto read = [](RwLock& l, Event& e) -> Task<void> {
      const ReadGuard guard = co_await l.read();
      co_await e.wait();
    };
    auto second = spawn(read, std::ref(lock), std::ref(leave));
    co_await ticks(2);
    auto last = spawn(write, std::ref(lock), end);
    co_await ticks(2);
    EXPECT_EQ(debug::snapshot(last).held_by, second.id());
    leave.set();
    co_await second;
    EXPECT_EQ(debug::snapshot(last).held_by, 0U) << "the other one reads still, and is not known";
    reader.unlock();
    co_await last;
  });
}

TEST(Holders, AWriterThatWasHandedTheLockHoldsIt) {
  run([]() -> Task<void> {
    RwLock lock;
    auto end = std::make_unique<WriteGuard>(co_await lock.write());
    Event leave;
    auto second = spawn(
        [](RwLock& l, Event& e) -> Task<void> {
          const WriteGuard guard = co_await l.write();
          co_await e.wait();
        },
        std::ref(lock), std::ref(leave));
    auto third =
        spawn([](RwLock& l) -> Task<void> { const WriteGuard guard = co_await l.write(); }, std::ref(lock));
    co_await ticks(2);
    end.reset();
    EXPECT_EQ(debug::snapshot(third).held_by, second.id());
    leave.set();
    co_await third;
  });
}

TEST(Holders, OfASemaphoreIsWhoTookAPermitLast) {
  run([]() -> Task<void> {
    Semaphore connections(2, "connections");
    Event leave;
    const auto hold = [](Semaphore& s, Event& e) -> Task<void> {
      const Permit permit = co_await s.scoped();
      co_await e.wait();
    };
    auto first = spawn(named("first"), hold, std::ref(connections), std::ref(leave));
    auto second = spawn(named("second"), hold, std::ref(connections), std::ref(leave));
    auto third = spawn(named("third"), hold, std::ref(connections), std::ref(leave));
    auto fourth = spawn(named("fourth"), hold, std::ref(connections), std::ref(leave));
    co_await ticks(3);
    EXPECT_EQ(debug::snapshot(third).held_by, second.id());
    EXPECT_THAT(
        masked(debug::dump(EventLoop::current())),
        HasSubstr("third  pending  waits for a semaphore @2 'connections', last taken by #3 'second'"));
    EXPECT_TRUE(debug::find_cycles(debug::snapshot(EventLoop::current())).empty());
    first.cancel();
    co_await first.wait();
    EXPECT_EQ(debug::snapshot(fourth).held_by, third.id()) << "it was handed over";
    leave.set();
    co_await gather(second, third, fourth);
    EXPECT_EQ(connections.holder_id(), 0U);
  });
}

TEST(Holders, ATaskThatWaitsForItsOwnPermitIsNoDeadlockForOthersMayGiveOne) {
  run([]() -> Task<void> {
    Semaphore signal(1);
    const auto takes_two = [](Semaphore& s) -> Task<void> {
      co_await s.acquire();
      co_await s.acquire();
    };
    auto task = spawn(takes_two, std::ref(signal));
    co_await ticks(2);
    EXPECT_EQ(debug::snapshot(task).held_by, task.id());
    EXPECT_TRUE(debug::find_cycles(debug::snapshot(EventLoop::current())).empty());
    signal.release();
    co_await task;
  });
}

Task<void> until_notified(Condition& condition) {
  const LockGuard guard = co_await condition.scoped();
  co_await condition.wait();
}

TEST(Waits, OfAConditionNamesItsLockAndWhoHoldsThat) {
  run([]() -> Task<void> {
    Lock stock("stock");
    Condition condition(stock);
    condition.set_name("not empty");
    auto reader = spawn(named("reader"), until_notified, std::ref(condition));
    co_await ticks(2);
    EXPECT_THAT(masked(debug::dump(EventLoop::current())),
                HasSubstr("waits for a condition @1 'not empty', under lock @2 'stock'  "));
    co_await stock.acquire();
    const std::string text = masked(debug::dump(EventLoop::current()));
    EXPECT_THAT(
        text, HasSubstr("waits for a condition @1 'not empty', under lock @2 'stock', held by #1 'main'  "));
    EXPECT_THAT(text, Not(HasSubstr("\ndeadlock: ")));
    const TaskSnapshot seen = debug::snapshot(reader);
    EXPECT_EQ(seen.lock.value_or(debug::ItsLock()).object, static_cast<const void*>(&stock));
    EXPECT_EQ(seen.held_by, 0U) << "a notify ends the wait, and nobody has that to give back";
    EXPECT_THAT(debug::dump_json(EventLoop::current()),
                AllOf(HasSubstr(R"("name":"stock","held_by":)" + std::to_string(current_task()->id()) + "}"),
                      HasSubstr(R"("name":"not empty","held_by":0,"lock":{"object":"0x)")));
    condition.notify();
    co_await ticks(2);
    EXPECT_THAT(masked(debug::dump(EventLoop::current())),
                HasSubstr("waits for a lock @1 'stock', held by #1 'main'  "))
        << "notified, and on its way back to the lock";
    stock.release();
    co_await reader;
  });
}

TEST(Waits, AConditionsOwnLockIsNamedToo) {
  run([]() -> Task<void> {
    Condition condition;
    auto reader = spawn(named("reader"), until_notified, std::ref(condition));
    co_await ticks(2);
    LockGuard guard = co_await condition.scoped();
    EXPECT_THAT(masked(debug::dump(EventLoop::current())),
                HasSubstr("waits for a condition @1, under lock @2, held by #1 'main'  "));
    guard.unlock();
    reader.cancel();
    co_await reader.wait();
  });
}

TEST(Waits, WhatHasANameIsShownWithItAndATimerWithWhenItIsDue) {
  run([]() -> Task<void> {
    Lock lock("accounts");
    Event event("it's \x1b over");
    Queue<int> queue;
    queue.set_name("orders");
    co_await lock.acquire();
    auto one = spawn(at_lock, std::ref(lock));
    auto two = spawn([](Event& e) -> Task<void> { co_await e.wait(); }, std::ref(event));
    auto three = spawn([](Queue<int>& q) -> Task<void> { co_await q.get(); }, std::ref(queue));
    auto four = spawn(sleeper, 90s);
    co_await ticks(2);
    co_await sleep(30s);
    const std::string text = masked(debug::dump(EventLoop::current()));
    EXPECT_THAT(text,
                AllOf(HasSubstr("waits for a lock @1 'accounts', held by #1 'main'  age 30.0s  polls 1  "),
                      HasSubstr("waits for an event @2 'it\\'s \\x1b over'  "),
                      HasSubstr("waits for an item of a queue @3 'orders'  "),
                      HasSubstr("waits for a timer, due in 1m00s  ")));
    EXPECT_THAT(debug::dump_json(EventLoop::current()),
                AllOf(HasSubstr(R"("name":"accounts","held_by":)"), HasSubstr(R"("due_in_ms":60000,)"),
                      HasSubstr(R"("polls":1,)")));
    event.set();
    queue.put_nowait(1);
    lock.release();
    co_await gather(one, two, three, four);
  });
}

TEST(Holders, NobodyAfterTheLockHasGone) {
  run([]() -> Task<void> {
    auto lock = std::make_unique<Lock>();
    co_await lock->acquire();
    auto waiter = spawn(at_lock, std::ref(*lock));
    co_await ticks(2);
    lock.reset();
    const TaskSnapshot seen = debug::snapshot(waiter);
    EXPECT_EQ(seen.wait.object, nullptr);
    EXPECT_EQ(seen.held_by, 0U);
    waiter.cancel();
    co_await waiter.wait();
  });
}

TEST(Cancels, WhoAskedAndHowLongAgoIsKnown) {
  run([]() -> Task<void> {
    const auto stubborn = []() -> Task<void> {
      Outcome<void> end = co_await outcome(sleep(1h));
      EXPECT_TRUE(end.cancelled());
      co_await sleep(1h);
    };
    auto named_one = spawn(named("stubborn"), stubborn);
    auto unnamed = spawn(stubborn);
    co_await ticks(2);
    named_one.cancel();
    unnamed.cancel();
    co_await sleep(90s);
    for (const auto* one : {&named_one, &unnamed}) {
      EXPECT_EQ(debug::snapshot(*one).cancelled_by, current_task()->id());
      EXPECT_EQ(debug::snapshot(*one).cancelled_ago, Duration(90s));
    }
    EXPECT_THAT(masked(debug::dump(EventLoop::current())),
                HasSubstr("#2 stubborn  cancelling  waits for a timer, due in 58m30s  cancel requested by #1 "
                          "'main' 1m30s ago"));
    named_one.cancel();
    unnamed.cancel();
    co_await named_one.wait();
    co_await unnamed.wait();
  });
}

TaskSnapshot task_of(std::uint64_t id, const std::string& name, TaskState state, SchedClass its_class) {
  TaskSnapshot task;
  task.id = id;
  task.name = name;
  task.state = state;
  task.sched_class = its_class;
  return task;
}

LoopSnapshot four_tasks() {
  LoopSnapshot loop;
  for (const std::uint64_t id : {1, 2, 3}) {
    TaskSnapshot& task = loop.tasks.emplace_back(task_of(id, "page", TaskState::pending, 0));
    task.stack.emplace_back("fetch", "/src/fetch.cpp", 7);
    task.wait = WaitInfo{WaitKind::event, &loop};
    task.age = Duration(std::chrono::minutes(10 * id));
  }
  loop.tasks.push_back(task_of(4, "other", TaskState::cancelling, 3));
  loop.tasks.back().ready = true;
  return loop;
}

TEST(DumpOptions, EqualTasksAreShownOnceWithTheirNumberAndTheOldest) {
  DumpOptions options;
  options.group = true;
  EXPECT_EQ(debug::format_dump(four_tasks(), options),
            "4 tasks\n"
            "3 x pending  waits for an event  oldest #1 'page'  age 10m00s  polls 0\n"
            "   at fetch() fetch.cpp:7\n"
            "cancelling  ready  class 3  #4 'other'\n");
  EXPECT_THAT(debug::equal_tasks(four_tasks()), ElementsAre(ElementsAre(0U, 1U, 2U), ElementsAre(3U)));
  EXPECT_THAT(debug::format_json(four_tasks(), options),
              HasSubstr(R"("groups":[{"count":3,"tasks":[1,2,3],)"));
}

TEST(DumpOptions, TasksThatStandAtOtherLinesAreNotEqual) {
  LoopSnapshot loop = four_tasks();
  loop.tasks[1].stack[0].line = 8;
  EXPECT_THAT(debug::equal_tasks(loop), ElementsAre(ElementsAre(0U, 2U), ElementsAre(1U), ElementsAre(3U)));
}

TEST(DumpOptions, AFilterKeepsWhatHasAllThatIsAskedFor) {
  const auto kept = [](auto set) {
    debug::TaskFilter filter;
    set(filter);
    std::vector<std::uint64_t> ids;
    for (const TaskSnapshot& task : debug::filtered(four_tasks(), filter).tasks) ids.push_back(task.id);
    return ids;
  };
  EXPECT_THAT(kept([](auto&) {}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(kept([](auto& f) { f.state = "waiting"; }), ElementsAre(1, 2, 3));
  EXPECT_THAT(kept([](auto& f) { f.state = "ready"; }), ElementsAre(4));
  EXPECT_THAT(kept([](auto& f) { f.state = "cancelling"; }), ElementsAre(4));
  EXPECT_THAT(kept([](auto& f) { f.sched_class = 3; }), ElementsAre(4));
  EXPECT_THAT(kept([](auto& f) { f.name = "age"; }), ElementsAre(1, 2, 3));
  EXPECT_THAT(kept([](auto& f) { f.id = 2; }), ElementsAre(2));
  EXPECT_THAT(kept([](auto& f) { f.older_than = 20min; }), ElementsAre(2, 3, 4))
      << "the age of 4 is not known";
  EXPECT_THAT(kept([](auto& f) { f.older_than = 20min, f.state = "waiting", f.id = 3; }), ElementsAre(3));
}

TEST(DumpOptions, ADeadlockIsNamedAlsoWhereItsTasksAreLeftOut) {
  LoopSnapshot loop = four_tasks();
  loop.tasks[0].wait.kind = loop.tasks[1].wait.kind = WaitKind::lock;
  loop.tasks[0].held_by = 2;
  loop.tasks[1].held_by = 1;
  DumpOptions options;
  options.filter.id = 4;
  EXPECT_THAT(debug::format_dump(loop, options),
              AllOf(HasSubstr("1 of 4 tasks\n#4 other"),
                    HasSubstr("deadlock: #1 'page' -> lock @1 held by #2 'page'")));
}

TEST(DumpText, NamesCannotWriteToTheTerminal) {
  LoopSnapshot loop;
  loop.tasks.push_back(task_of(1,
                               "\x1b[2J\xc2\x9b"
                               "31m\xe2\x80\xae\xff\n",
                               TaskState::pending, 0));
  EXPECT_EQ(debug::format_dump(loop), "1 task\n#1 \\x1b[2J\\u009b31m\\u202e\\xff\\x0a  pending\n");
  EXPECT_THAT(debug::format_json(loop), HasSubstr("\"name\":\"\\u001b[2J\\u009b31m\\u202e\xEF\xBF\xBD\\n\""));
  loop.tasks[0].name = "\xe4\xbb\xbb\xe5\x8a\xa1 \"1\"";
  EXPECT_THAT(debug::format_dump(loop), HasSubstr("#1 \xe4\xbb\xbb\xe5\x8a\xa1 \"1\"  pending"));
  EXPECT_THAT(debug::format_json(loop), HasSubstr("\"name\":\"\xe4\xbb\xbb\xe5\x8a\xa1 \\\"1\\\"\""));
}

}  // namespace
}  // namespace coterie
