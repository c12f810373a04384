#pragma once

#include <latch>

namespace coterie::test {

/// Holds a thread until it is let go.
struct Gate {
  std::latch entered{1};
  std::latch open{1};
  void pass() {
    entered.count_down();
    open.wait();
  }
};

}  // namespace coterie::test
