#pragma once

// The operations whose ticks are counted, for the tests of the tick table.

#include "support/both_ways.hpp"

namespace coterie::test {

/// What is measured, at either price of a cancel.
template <class How>
struct Op {
  using Co = Task<void, How>;
  using Subjects = test::Subjects<How>;
  static Co await_handle(JoinHandle<void> handle) { co_await handle; }
  static Co spawn_and_await() { co_await spawn(Subjects::nop); }
  static Co sleep_zero() { co_await sleep(0s); }
  static Co empty_timeout() {
    co_await timeout(10s, [](Timeout&) -> Co { co_return; });
  }
  static Co expired_timeout() {
    co_await timeout(0s, [](Timeout&) -> Co { co_await sleep(10s); });
  }
  static Co wait_for_nothing() { co_await wait_for(10s, Subjects::nop()); }
  static Co expired_wait_for() { co_await wait_for(0s, Subjects::sleeper(10s)); }
  static Co empty_group() {
    co_await task_group([](TaskGroup&) -> Co { co_return; });
  }
  static Co group_of_one() {
    co_await task_group([](TaskGroup& group) -> Co {
      group.spawn(Subjects::nop);
      co_return;
    });
  }
  static Co failing_group(bool body_sleeps) {
    co_await task_group([=](TaskGroup& group) -> Co {
      group.spawn(Subjects::fail, "at once");
      if (body_sleeps) co_await sleep(10s);
    });
  }
  static Co failing_group_of_a_sleeper() { return failing_group(true); }
  static Co failing_empty_group() { return failing_group(false); }
  static Co gather_two() { co_await gather(Subjects::nop(), Subjects::nop()); }
  static Co gather_two_handles() { co_await gather(spawn(Subjects::nop), spawn(Subjects::nop)); }
  static Co shield_task() { co_await shield(spawn(Subjects::nop)); }
  static Co shield_handle(JoinHandle<void> handle) { co_await shield(handle); }
  static Co wait_for_one() { co_await wait(spawn(Subjects::nop)); }
  static Co as_completed_of_two() {
    auto completed = as_completed(spawn(Subjects::nop), spawn(Subjects::nop));
    while (auto next = co_await completed.next()) EXPECT_TRUE(next->done());
  }
};

template <class Co>
int measure(Co (*operation)()) {
  return run([operation]() -> Task<int> { return ticks_of(operation()); });
}

}  // namespace coterie::test
