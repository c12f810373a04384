#pragma once
#include <cstddef>
#include <cstdint>

#include "coterie/core/runnable.hpp"

namespace coterie {

/// How a policy keeps ticks: each has as many steps as were ready when it began, whichever are chosen. With a
/// single class those are exactly the ones that were ready.
class TickCount {
 public:
  void pushed(Runnable& node) noexcept {
    node.queue_mark = tick_;
    ++ready_;
  }
  void begin() noexcept {
    ++tick_;
    left_ = ready_;
  }
  [[nodiscard]] bool over() const noexcept { return left_ == 0; }
  void popped() noexcept {
    --ready_;
    --left_;
  }
  void removed(const Runnable& node) noexcept {
    --ready_;
    if (node.queue_mark != tick_ && left_ > 0) --left_;
    if (left_ > ready_) left_ = ready_;  // one that has waited for 256 ticks looks as if it had come in this
  }
  [[nodiscard]] std::size_t ready() const noexcept { return ready_; }
  [[nodiscard]] bool nothing_ready() const noexcept { return ready_ == 0; }

 private:
  std::size_t ready_ = 0;
  std::size_t left_ = 0;
  std::uint8_t tick_ = 0;
};

}  // namespace coterie
