#pragma once
#include "coterie/core/loop_bound.hpp"

namespace coterie {

/// The base of what tasks wait at under a lock, which they give back meanwhile and take again before they go
/// on: a Condition. Dumps name that lock, and who holds it.
class UnderLock : public LoopBound {
 public:
  /// What stands at `lock` outlives this, or is a member of it.
  [[nodiscard]] const LoopBound* its_lock() const noexcept { return lock_; }

 protected:
  UnderLock() = default;
  ~UnderLock() = default;
  void set_lock(LoopBound& lock) noexcept { lock_ = &lock; }
  [[nodiscard]] LoopBound& bound_lock() const noexcept { return *lock_; }

 private:
  friend struct detail::DebugLayout;
  LoopBound* lock_ = nullptr;
};

}  // namespace coterie
