#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "coterie/ready_queue.hpp"
#include "coterie/sched/message_line.hpp"
#include "coterie/sched/smooth_turns.hpp"
#include "coterie/sched/tick_count.hpp"

namespace coterie {

/// Classes take turns by weight, a step a turn, interleaved: weights 5, 1, 1 are a a b a c a a. Within a
/// class first in, first out. Nothing starves: a class of weight w among those that are ready, of weights W
/// in all, has w of each W steps, never more than one step from that as long as the same classes are ready,
/// however long a step takes. One that comes has its first step within W/w, rounded up, or twice that where
/// it has had more than its share before it went.
///
/// Classes are 0 to 1023, others count as 0; a class that was given no weight has 1. A class that has nothing
/// ready loses what was owed to it, and pays for what it has had beyond its share before it counts as gone
/// (SmoothTurns). What only carries messages of other threads (`runtime_class`) runs first, as MessageLine
/// has it.
///
///     auto policy = std::make_unique<WeightedRoundRobinPolicy>(std::vector<std::uint32_t>{1, 5});
class WeightedRoundRobinPolicy final : public ReadyQueue {
 public:
  static constexpr SchedClass max_class = 1023;

  /// The weights of class 0 on, each 1 to 1,000,000; std::invalid_argument.
  explicit WeightedRoundRobinPolicy(const std::vector<std::uint32_t>& weights = {});

  /// From the next step on, also while the loop runs; on its thread. std::invalid_argument.
  void set_weight(SchedClass sched_class, std::uint32_t weight);
  [[nodiscard]] std::uint32_t weight(SchedClass sched_class) const noexcept;

  void push(Runnable& node) noexcept override;
  void begin_tick() noexcept override {
    ticks_.begin();
    messages_.begin_tick();
  }
  [[nodiscard]] Runnable* pop() noexcept override;
  void remove(Runnable& node) noexcept override;
  [[nodiscard]] bool empty() const noexcept override { return ticks_.nothing_ready(); }

 private:
  struct Class {
    RunList ready;
    std::uint32_t weight = 1;
    bool takes_part = false;
  };
  Class& class_of(SchedClass sched_class);
  void leave_if_empty(std::size_t place) noexcept;
  void empty_ones_leave() noexcept;

  std::vector<std::unique_ptr<Class>> classes_;  // null: of weight 1, and never used
  MessageLine messages_;
  detail::SmoothTurns turns_;  // of the classes that take part, and those that have to pay
  std::size_t last_turn_ = 0;  // its place, where `may_be_empty_` says that its class may have left
  bool may_be_empty_ = false;
  bool any_may_be_empty_ = false;
  TickCount ticks_;
};

}  // namespace coterie
