#pragma once
#include <array>
#include <cstdint>

#include "coterie/ready_queue.hpp"
#include "coterie/sched/message_line.hpp"
#include "coterie/sched/tick_count.hpp"

namespace coterie {

struct PriorityOptions {
  /// A level that has had something ready for so many steps without a turn is given one: no task starves. The
  /// most urgent level keeps all but one in `aging` of the steps for each level that waits. 0: never.
  std::uint32_t aging = 0;

  PriorityOptions() = default;
};

/// Strict priorities: the scheduling class is the priority, greater ones run first, equals in the order in
/// which they became ready. -32 to 31, 0 by default; what lies outside counts as the nearest. What only
/// carries messages of other threads (`runtime_class`) runs first, as MessageLine has it.
///
/// A low priority may starve, but for aging. With `aging` n and k levels ready, what stands first in its
/// level starts after at most n + k - 1 steps, messages not counted, what stands behind j others after at
/// most (j + 1) times that.
///
/// A task inherits the priority of those who wait for it, see ReadyQueue::inherits().
class PriorityPolicy final : public ReadyQueue {
 public:
  static constexpr SchedClass lowest = -32;
  static constexpr SchedClass highest = 31;

  explicit PriorityPolicy(PriorityOptions options = PriorityOptions());

  void push(Runnable& node) noexcept override;
  void begin_tick() noexcept override {
    ticks_.begin();
    messages_.begin_tick();
  }
  [[nodiscard]] Runnable* pop() noexcept override;
  void remove(Runnable& node) noexcept override;
  [[nodiscard]] bool empty() const noexcept override { return ticks_.nothing_ready(); }
  [[nodiscard]] bool inherits() const noexcept override { return true; }

 private:
  static constexpr unsigned levels = 64;
  static constexpr std::uint8_t none = levels;
  struct Level {
    RunList ready;
    std::uint64_t waits_since = 0;  // the step since which it has had no turn
    std::uint8_t waited_longer = none;
    std::uint8_t waited_less = none;
    bool waits = false;
  };
  static unsigned level_of(const Runnable& node) noexcept;
  [[nodiscard]] unsigned choose() noexcept;
  void wait(unsigned index) noexcept;
  void stop_waiting(unsigned index) noexcept;

  MessageLine messages_;
  std::array<Level, levels> levels_;
  std::uint64_t nonempty_ = 0;  // a bit for each level; one too many where the last of it was removed
  std::uint64_t steps_ = 0;
  std::uint32_t aging_;
  std::uint8_t waited_longest_ = none;
  std::uint8_t waited_least_ = none;
  TickCount ticks_;
};

}  // namespace coterie
