// Whichever way an urgent task waits for a low one, nobody of a priority between them has a turn meanwhile.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "sched/by_priority.hpp"

namespace coterie::test {
namespace {

constexpr int steps_left = 10;

/// Starts a low task that starves, has a high one wait for it by `how`, and expects that to be over after the
/// low one's own steps. `start()` gives what the high one is to wait for.
template <class Start, class How>
void waits_for_no_step_of_the_middle(Start start, How how) {
  run_by_priority([&]() -> Task<void> {
    Busy busy(middle);
    std::string log;
    auto slow = start(log);
    co_await sleep(1s);
    EXPECT_EQ(log, "");  // it starves
    const int before = busy.steps();
    auto waiter = spawn(at(high), std::ref(how), std::ref(slow));
    co_await waiter;
    EXPECT_EQ(log.size(), static_cast<std::size_t>(steps_left));
    EXPECT_EQ(busy.steps(), before);
    co_await busy.stop();
  });
}

JoinHandle<void> start_slow(std::string& log) {
  return spawn(at(low), steps, std::ref(log), 'l', steps_left);
}

TEST(PriorityInheritanceBy, Shield) {
  waits_for_no_step_of_the_middle(start_slow,
                                  [](JoinHandle<void>& slow) -> Task<void> { co_await shield(slow); });
}

TEST(PriorityInheritanceBy, Gather) {
  waits_for_no_step_of_the_middle(start_slow, [](JoinHandle<void>& slow) -> Task<void> {
    auto ready = spawn(nop);
    co_await gather(ready, slow);
  });
}

TEST(PriorityInheritanceBy, WaitFor) {
  waits_for_no_step_of_the_middle(start_slow,
                                  [](JoinHandle<void>& slow) -> Task<void> { co_await wait_for(1h, slow); });
}

TEST(PriorityInheritanceBy, Wait) {
  waits_for_no_step_of_the_middle(start_slow,
                                  [](JoinHandle<void>& slow) -> Task<void> { co_await wait(slow); });
}

TEST(PriorityInheritanceBy, Race) {
  waits_for_no_step_of_the_middle(start_slow, [](JoinHandle<void>& slow) -> Task<void> {
    const auto forever = []() -> Task<void> { co_await sleep(1h); };
    co_await race(forever(), join(std::move(slow)));
  });
}

TEST(PriorityInheritanceBy, AsCompleted) {
  waits_for_no_step_of_the_middle(start_slow, [](JoinHandle<void>& slow) -> Task<void> {
    auto all = as_completed(slow);
    co_await all.next();
  });
}

// The first task to end goes to who came first, so all are as urgent as the most urgent of those that wait.
TEST(PriorityInheritanceBy, AsCompletedForWhoStandsBehindALowOne) {
  run_by_priority([]() -> Task<void> {
    std::string log;
    Event open;
    const auto slow = [&log, &open]() -> Task<void> {
      co_await open.wait();
      co_await steps(log, 'l', steps_left);
    };
    auto one = spawn(at(low), slow);
    auto other = spawn(at(low), slow);
    auto all = as_completed(one, other);
    const auto next = [all]() -> Task<void> { co_await all.next(); };
    auto early = spawn(at(low), next);
    co_await sleep(1s);
    Busy busy(middle);
    open.set();
    co_await sleep(1s);
    EXPECT_EQ(log, "");  // they starve
    const int before = busy.steps();
    auto urgent = spawn(at(high), next);
    co_await urgent;
    EXPECT_EQ(busy.steps(), before);
    co_await busy.stop();
    co_await early;
  });
}

TEST(PriorityInheritanceBy, TaskGroup) {
  waits_for_no_step_of_the_middle([](std::string& log) { return &log; },
                                  [](std::string*& log) -> Task<void> {
                                    co_await task_group([&](TaskGroup& group) -> Task<void> {
                                      group.spawn(at(low), steps, std::ref(*log), 'l', steps_left);
                                      co_return;
                                    });
                                  });
}

TEST(PriorityInheritanceBy, TaskScope) {
  waits_for_no_step_of_the_middle(
      [](std::string& log) {
        auto scope = std::make_unique<TaskScope>();
        scope->spawn(at(low), steps, std::ref(log), 'l', steps_left);
        return scope;
      },
      [](std::unique_ptr<TaskScope>& scope) -> Task<void> { co_await scope->join(); });
}

}  // namespace
}  // namespace coterie::test
