#pragma once
#include <cstdint>

#include "coterie/queue/id.hpp"

namespace coterie::queue {

/// While it lives, new_uuid() on this thread counts instead of drawing, so that a history that a seed decides
/// is one and the same in every run. For simulations; one at a time on a thread.
class SeededIds {
 public:
  explicit SeededIds(std::uint64_t seed);
  SeededIds(const SeededIds&) = delete;
  SeededIds& operator=(const SeededIds&) = delete;
  ~SeededIds();

  /// Null: they are drawn.
  [[nodiscard]] static SeededIds* of_this_thread() noexcept;
  [[nodiscard]] Uuid next() noexcept;

 private:
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

}  // namespace coterie::queue
