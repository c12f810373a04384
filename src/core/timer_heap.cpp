#include "coterie/core/timer_heap.hpp"

#include <algorithm>

namespace coterie {
namespace {
constexpr std::uint32_t arity = 4;
}

void TimerHeap::push(Timer& timer, TimePoint when) {
  entries_.push_back(Entry{when, next_seq_++, &timer});
  timer.slot_ = static_cast<std::uint32_t>(entries_.size() - 1);
}

void TimerHeap::remove(Timer& timer) noexcept {
  const std::uint32_t slot = timer.slot_;
  timer.slot_ = Timer::none;
  const Entry newest = entries_.back();
  entries_.pop_back();
  if (slot >= sorted_) {
    if (slot < entries_.size()) place(slot, newest);
    return;
  }
  // The last of the heap takes the place of the one that goes, and the newest of those behind it the last's.
  const Entry last = --sorted_ < entries_.size() ? entries_[sorted_] : newest;
  if (sorted_ < entries_.size()) place(sorted_, newest);
  if (slot == sorted_) return;
  if (slot > 0 && last.before(entries_[(slot - 1) / arity]))
    sift_up(slot, last);
  else
    sift_down(slot, last);
}

Timer* TimerHeap::pop_due(TimePoint now) noexcept {
  if (entries_.empty() || earliest() > now) return nullptr;
  return pop_any();
}

Timer* TimerHeap::pop_any() noexcept {
  if (entries_.empty()) return nullptr;
  settle();
  Timer* timer = entries_.front().timer;
  remove(*timer);
  return timer;
}

void TimerHeap::sift_up(std::uint32_t slot, const Entry& entry) noexcept {
  while (slot > 0) {
    const std::uint32_t parent = (slot - 1) / arity;
    if (!entry.before(entries_[parent])) break;
    place(slot, entries_[parent]);
    slot = parent;
  }
  place(slot, entry);
}

void TimerHeap::sift_down(std::uint32_t slot, const Entry& entry) noexcept {
  for (;;) {
    const std::uint32_t first = slot * arity + 1;
    if (first >= sorted_) break;
    std::uint32_t best = first;
    for (std::uint32_t child = first + 1; child < std::min(first + arity, sorted_); ++child)
      if (entries_[child].before(entries_[best])) best = child;
    if (!entries_[best].before(entry)) break;
    place(slot, entries_[best]);
    slot = best;
  }
  place(slot, entry);
}

}  // namespace coterie
