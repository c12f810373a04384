#pragma once
#include <cstddef>
#include <utility>

#include "coterie/core/runnable.hpp"

namespace coterie {

/// How a policy lets messages of other threads (`runtime_class`) pass. Those that were there when the tick
/// began go before all else; those that come in its middle take turns with the rest, so that a flood of them
/// leaves tasks half of the steps.
class MessageLine {
 public:
  void push(Runnable& node) noexcept {
    late_.push_back(node);
    ++count_;
  }
  void remove(Runnable& node) noexcept {
    RunList::remove(node);
    --count_;
  }
  void begin_tick() noexcept {
    tick_.splice_back(late_);
    others_turn_ = true;
  }
  /// The next message, if it is time for one. `ready`: how much is in the queue, messages included.
  [[nodiscard]] Runnable* pop(std::size_t ready) noexcept {
    if (count_ == 0) return nullptr;
    Runnable* node = tick_.pop_front();
    if (node == nullptr) {
      if (ready > count_ && std::exchange(others_turn_, !others_turn_)) return nullptr;
      node = late_.pop_front();
    }
    --count_;
    return node;
  }

 private:
  RunList tick_;
  RunList late_;
  std::size_t count_ = 0;
  bool others_turn_ = true;
};

}  // namespace coterie
