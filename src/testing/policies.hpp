#pragma once
#include <memory>

#include "coterie/ready_queue.hpp"

namespace coterie::testing {

/// The scheduling policy that COTERIE_POLICY names, so that a test suite can run under each without a change:
/// fifo, priority, aging, weighted-round-robin, fair-share. Null, first in first out, where it is not set;
/// std::invalid_argument for another name.
[[nodiscard]] std::unique_ptr<ReadyQueue> policy_by_environment();

}  // namespace coterie::testing
