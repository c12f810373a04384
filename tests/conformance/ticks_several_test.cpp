// The tick table of CPython 3.14.7 (line 70), continued: what waits for tasks on behalf of another, for
// several, or for a limit.
#include <gtest/gtest.h>

#include "conformance/ticks_op.hpp"

namespace coterie {
namespace {
using namespace test;

// 70. Derived, the tick table: gather, wait, shield, a group of one, as_completed
COTERIE_CASE(Ticks, WhatWaitsForTasksOnBehalfOfAnotherTakesThree) {
  EXPECT_EQ(measure(Op<How>::gather_two), 3);
  EXPECT_EQ(measure(Op<How>::gather_two_handles), 3);
  EXPECT_EQ(measure(Op<How>::shield_task), 3);
  EXPECT_EQ(measure(Op<How>::group_of_one), 3);
  EXPECT_EQ(measure(Op<How>::wait_for_one), 3);
  EXPECT_EQ(measure(Op<How>::as_completed_of_two), 3);
}

// 70. Derived, the tick table: a group with a failing child
COTERIE_CASE(Ticks, FailingGroupTakesThree) {
  EXPECT_EQ(measure(Op<How>::failing_empty_group), 3);
  EXPECT_EQ(measure(Op<How>::failing_group_of_a_sleeper), 3);
}

// 70. Derived, the tick table: timeout(0), wait_for(…, 0)
COTERIE_CASE(Ticks, ExpiredTimeoutTakesTwoAndExpiredWaitForThree) {
  EXPECT_EQ(measure(Op<How>::expired_timeout), 2);
  EXPECT_EQ(measure(Op<How>::expired_wait_for), 3);
}

}  // namespace
}  // namespace coterie
