#pragma once

// A caller that is cancelled while it waits, for the tests of lifetimes.

#include <string>
#include <vector>

#include "support/runtime.hpp"

namespace coterie::test {

/// Runs `caller(seen)` as a task, cancels it in its wait, and lets what it left behind end.
template <class Caller>
std::vector<int> cancel_in_its_wait(Caller caller) {
  std::vector<int> seen;
  run([&]() -> Task<void> {
    auto task = spawn([&caller, &seen]() -> Task<void> { return caller(seen); });
    co_await ticks(4);
    EXPECT_FALSE(task.done());
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled");
    co_await sleep(1min);
    EXPECT_EQ(EventLoop::current().task_count(), 1U);
  });
  return seen;
}

}  // namespace coterie::test
