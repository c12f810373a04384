#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coterie/core/duration.hpp"
#include "coterie/ready_queue.hpp"
#include "coterie/sched/message_line.hpp"
#include "coterie/sched/tick_count.hpp"

namespace coterie {

struct FairShareOptions {
  /// What a step counts at least, also one too short for the clock to see, so that a class of many tiny steps
  /// does not run for nothing.
  Duration least_step = std::chrono::nanoseconds(100);

  FairShareOptions() = default;
};

/// Fair shares of the loop's time: of classes that always have something ready, each is given time in
/// proportion to its shares, however long its steps are. The next step is of the class with the least virtual
/// time, which is its time divided by its shares; a class that had nothing ready comes back at the virtual
/// time of the others, so it saves nothing up. Within a class first in, first out. (Seastar's scheduling
/// groups)
///
/// Groups hold classes and groups: a group has its shares of its parent's time, and those in it have theirs
/// of the group's.
///
///     auto policy = std::make_unique<FairSharePolicy>();
///     FairSharePolicy::Group tenants = policy->add_group("tenants", 300);
///     SchedClass alice = policy->add_class("alice", 100, tenants);
///     SchedClass sweep = policy->add_class("sweep", 20);
///
/// Tasks of class 0, the default, have 100 shares of the whole, as have those of a class that was not added.
/// What only carries messages of other threads (`runtime_class`) runs first, as MessageLine has it,
/// and is not counted.
///
/// The price is a look at the clock after each step, some 25 ns, and O(log n) of the classes that are ready.
/// Loop thread only.
class FairSharePolicy final : public ReadyQueue {
 public:
  using Group = std::uint16_t;
  static constexpr Group whole = 0;
  static constexpr std::uint32_t max_shares = 1'000'000;
  /// Classes and groups together.
  static constexpr std::size_t max_entries = 1024;

  explicit FairSharePolicy(FairShareOptions options = FairShareOptions());
  ~FairSharePolicy() override;

  /// `shares`: 1 to 1,000,000. std::invalid_argument, also for a parent that is no group;
  /// std::length_error when there are too many.
  Group add_group(std::string name, std::uint32_t shares, Group parent = whole);
  SchedClass add_class(std::string name, std::uint32_t shares, Group parent = whole);
  /// From the next step on, also while the loop runs. std::invalid_argument.
  void set_shares(SchedClass sched_class, std::uint32_t shares);
  void set_group_shares(Group group, std::uint32_t shares);
  /// Of its group's time.
  [[nodiscard]] std::uint32_t shares(SchedClass sched_class) const noexcept;

  /// What the steps of a class have taken so far, and how many there were.
  [[nodiscard]] Duration runtime(SchedClass sched_class) const noexcept;
  [[nodiscard]] std::uint64_t steps(SchedClass sched_class) const noexcept;

  void push(Runnable& node) noexcept override;
  void begin_tick() noexcept override {
    ticks_.begin();
    messages_.begin_tick();
  }
  [[nodiscard]] Runnable* pop() noexcept override;
  void remove(Runnable& node) noexcept override;
  [[nodiscard]] bool empty() const noexcept override { return ticks_.nothing_ready(); }
  [[nodiscard]] bool measures() const noexcept override { return true; }
  void charge(SchedClass sched_class, Duration time) noexcept override;

 private:
  struct Entry;
  class Line;
  [[nodiscard]] std::unique_ptr<Entry> make(std::string name, std::uint32_t shares, Group parent) const;
  [[nodiscard]] Entry& class_of(SchedClass sched_class) const noexcept;
  static void take_part(Entry& entry) noexcept;
  static void leave(Entry& its) noexcept;
  [[nodiscard]] Entry& choose(Entry& group) noexcept;
  void start_from_zero(Entry& group) noexcept;

  FairShareOptions options_;
  std::vector<std::unique_ptr<Entry>> groups_;
  std::vector<std::unique_ptr<Entry>> classes_;
  MessageLine messages_;
  TickCount ticks_;
};

}  // namespace coterie
