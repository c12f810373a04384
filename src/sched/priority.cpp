#include "coterie/sched/priority.hpp"

#include <algorithm>
#include <bit>

namespace coterie {

PriorityPolicy::PriorityPolicy(PriorityOptions options) : aging_(options.aging) {}

unsigned PriorityPolicy::level_of(const Runnable& node) noexcept {
  return static_cast<unsigned>(std::clamp(node.sched_class(), lowest, highest) - lowest);
}

void PriorityPolicy::push(Runnable& node) noexcept {
  ticks_.pushed(node);
  if (node.sched_class() == runtime_class) return messages_.push(node);
  const unsigned index = level_of(node);
  Level& level = levels_[index];
  if (aging_ != 0 && level.ready.empty()) wait(index);
  level.ready.push_back(node);
  nonempty_ |= std::uint64_t{1} << index;
}

void PriorityPolicy::remove(Runnable& node) noexcept {
  ticks_.removed(node);
  if (node.sched_class() == runtime_class) return messages_.remove(node);
  RunList::remove(node);  // a level that is empty now is noticed when it would be chosen
}

Runnable* PriorityPolicy::pop() noexcept {
  if (ticks_.over()) return nullptr;
  Runnable* const message = messages_.pop(ticks_.ready());
  ticks_.popped();
  if (message != nullptr) return message;
  const unsigned index = choose();
  Level& level = levels_[index];
  Runnable* node = level.ready.pop_front();
  if (level.ready.empty()) nonempty_ &= ~(std::uint64_t{1} << index);
  ++steps_;
  if (aging_ != 0) {
    stop_waiting(index);
    if (!level.ready.empty()) wait(index);
  }
  return node;
}

/// Precondition: something is ready.
unsigned PriorityPolicy::choose() noexcept {
  while (waited_longest_ != none) {
    const Level& oldest = levels_[waited_longest_];
    if (steps_ - oldest.waits_since < aging_) break;
    if (!oldest.ready.empty()) return waited_longest_;
    stop_waiting(waited_longest_);
  }
  for (;;) {
    const auto index = static_cast<unsigned>(std::bit_width(nonempty_)) - 1;
    if (!levels_[index].ready.empty()) return index;
    nonempty_ &= ~(std::uint64_t{1} << index);
  }
}

/// The level waits for its turn from now on, behind all that have waited longer.
void PriorityPolicy::wait(unsigned index) noexcept {
  stop_waiting(index);
  Level& level = levels_[index];
  level.waits = true;
  level.waits_since = steps_;
  level.waited_longer = waited_least_;
  level.waited_less = none;
  (waited_least_ != none ? levels_[waited_least_].waited_less : waited_longest_) =
      static_cast<std::uint8_t>(index);
  waited_least_ = static_cast<std::uint8_t>(index);
}

void PriorityPolicy::stop_waiting(unsigned index) noexcept {
  Level& level = levels_[index];
  if (!level.waits) return;
  level.waits = false;
  (level.waited_longer != none ? levels_[level.waited_longer].waited_less : waited_longest_) =
      level.waited_less;
  (level.waited_less != none ? levels_[level.waited_less].waited_longer : waited_least_) =
      level.waited_longer;
}

}  // namespace coterie
