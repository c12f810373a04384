#pragma once
#include <cstdint>
#include <limits>
#include <vector>

#include "coterie/core/runnable.hpp"
#include "coterie/poller.hpp"

namespace coterie {

/// Something due at a time. When it is due the loop moves it into the ready queue, where it runs in its turn.
class Timer : public Runnable {
 public:
  [[nodiscard]] bool armed() const noexcept { return slot_ != none; }

 protected:
  ~Timer() = default;

 private:
  friend class TimerHeap;
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t slot_ = none;
};

/// A heap of timers with four children a node: the keys stand in the array, so that sifting touches no timer
/// but to note its new place; any timer can be removed. Equal deadlines run in the order of arming. A timer
/// enters the heap when somebody asks what is due: one that is removed before that, as most timeouts are, is
/// never sifted.
class TimerHeap {
 public:
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// Precondition: not empty.
  [[nodiscard]] TimePoint earliest() noexcept {
    settle();
    return entries_.front().when;
  }

  /// Precondition: not armed.
  void push(Timer& timer, TimePoint when);
  /// Precondition: armed.
  void remove(Timer& timer) noexcept;
  /// The earliest timer that is due at `now`, taken out; null when none is.
  [[nodiscard]] Timer* pop_due(TimePoint now) noexcept;
  /// Any timer, taken out; null when there is none.
  [[nodiscard]] Timer* pop_any() noexcept;

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t seq;
    Timer* timer;
    [[nodiscard]] bool before(const Entry& other) const noexcept {
      return when != other.when ? when < other.when : seq < other.seq;
    }
  };
  void place(std::uint32_t slot, const Entry& entry) noexcept {
    entries_[slot] = entry;
    entry.timer->slot_ = slot;
  }
  /// Takes what has come into the heap.
  void settle() noexcept {
    for (; sorted_ < entries_.size(); ++sorted_) {
      const Entry newcomer = entries_[sorted_];
      sift_up(sorted_, newcomer);
    }
  }
  void sift_up(std::uint32_t slot, const Entry& entry) noexcept;
  void sift_down(std::uint32_t slot, const Entry& entry) noexcept;

  std::vector<Entry> entries_;  // the heap, and behind it those that have come since
  std::uint32_t sorted_ = 0;    // in the heap
  std::uint64_t next_seq_ = 0;
};

}  // namespace coterie
