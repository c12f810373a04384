#pragma once
#include <cstdint>

#include "coterie/core/task_rec.hpp"

namespace coterie::detail {

/// A cancel that a block (a deadline, a group) requests of its own task, and takes back when it ends. Loop
/// thread only; once per object.
class OwnCancel {
 public:
  void request(TaskRec& task) noexcept {
    pending_ = task.must_cancel();
    deliveries_ = task.deliveries();
    task.cancel(nullptr);
    requests_ = task.cancelling();
  }
  /// Gives how many requests are left. Where ours alone is pending, for the block has ended without another
  /// suspension, which would have delivered it, it is not delivered behind the block's end either.
  std::uint32_t take_back(TaskRec& task) noexcept {
    if (!pending_ && task.deliveries() == deliveries_ && task.cancelling() == requests_)
      task.withdraw_cancel();
    return task.uncancel();
  }

 private:
  std::uint32_t requests_ = 0;
  std::uint16_t deliveries_ = 0;
  bool pending_ = false;
};

}  // namespace coterie::detail
