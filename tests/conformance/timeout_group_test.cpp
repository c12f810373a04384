// timeout() around groups (list E). Line numbers and names are those of CPython 3.14.7's test_timeouts.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 105. test_timeout_taskgroup
COTERIE_CASE(TimeoutBlock, ErrorsOfAGroupInsideComeOutInsteadOfTheTimeout) {
  run([]() -> Task<void> {
    auto block = [](Timeout&) -> Co<void> {
      co_await task_group([](TaskGroup& group) -> Co<void> {
        group.spawn(Subjects::crash_on_cancel, 10s, "zero");
        Outcome<void> end = co_await outcome(Subjects::fail("value"));
        co_await sleep(1s);
        end.get();
      });
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "group(zero)");
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 105, with ten children: the deadline passes over a group, and each has cleaned up when TimeoutError comes
// out.
COTERIE_CASE(TimeoutBlock, DeadlineAroundAGroupOfTenCleansUpAll) {
  run([]() -> Task<void> {
    std::vector<int> cleaned;
    auto block = [&](Timeout&) -> Co<void> {
      co_await task_group([&](TaskGroup& group) -> Co<void> {
        for (int i = 0; i < 10; ++i)
          group.spawn(
              [](std::vector<int>& out, int number) -> Task<void> {
                Outcome<void> end = co_await outcome(sleep(1h));
                co_await sleep(std::chrono::seconds(number));
                out.push_back(number);
                end.get();
              },
              std::ref(cleaned), i);
        co_await sleep(1h);
      });
    };
    std::string end = co_await end_of(timeout(10s, block));
    EXPECT_EQ(end, "timeout");
    EXPECT_EQ(cleaned, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_DOUBLE_EQ(seconds(), 19);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
    EXPECT_EQ(EventLoop::current().task_count(), 1U);
  });
}

}  // namespace
}  // namespace coterie
