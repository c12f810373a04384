#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "coterie/ready_queue.hpp"
#include "coterie/sched/tick_count.hpp"

/// Earliest deadline first, in steps: a class says within how many steps it wants to begin, and what is due
/// first runs first. Nothing starves, for what waits becomes due.
class EarliestDeadline final : public coterie::ReadyQueue {
 public:
  /// Of class 0 on. What lies outside wants to begin at once, as messages of other threads do.
  explicit EarliestDeadline(std::vector<std::uint64_t> within) : within_(std::move(within)) {}

  void push(coterie::Runnable& node) noexcept override {
    const auto its = static_cast<std::size_t>(node.sched_class());  // negative: beyond all
    due_[steps_ + (its < within_.size() ? within_[its] : 0)].push_back(node);
    ticks_.pushed(node);
  }
  void begin_tick() noexcept override { ticks_.begin(); }
  coterie::Runnable* pop() noexcept override {
    if (ticks_.over()) return nullptr;
    while (due_.begin()->second.empty()) due_.erase(due_.begin());
    ++steps_;
    ticks_.popped();
    return due_.begin()->second.pop_front();
  }
  void remove(coterie::Runnable& node) noexcept override {
    coterie::RunList::remove(node);
    ticks_.removed(node);
  }
  bool empty() const noexcept override { return ticks_.nothing_ready(); }

 private:
  std::vector<std::uint64_t> within_;
  std::map<std::uint64_t, coterie::RunList> due_;  // by the step at which they are due
  std::uint64_t steps_ = 0;
  coterie::TickCount ticks_;
};
