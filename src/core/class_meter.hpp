#pragma once
#include <cstddef>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "coterie/core/class_times.hpp"

namespace coterie::detail {

/// Keeps the ClassTimes of one loop: every class is running, starved or waiting, from one moment to another.
/// All members belong to the loop's thread but read(). A lock, which nobody else holds but who reads, instead
/// of atomics: what is read adds up.
class ClassMeter {
 public:
  explicit ClassMeter(Poller& poller) noexcept : poller_(&poller) {}

  /// Something of the class stands in the queue, or was taken out to be run nowhere.
  void pushed(SchedClass sched_class);
  void removed(SchedClass sched_class);
  /// Something of the class was taken out, and runs until the next begins or the loop rests.
  void begins(SchedClass sched_class, TimePoint now);
  void rests(TimePoint now);
  /// No time passes any more.
  void close();
  /// Any thread.
  [[nodiscard]] std::vector<ClassTimes> read() const;

 private:
  struct Entry {
    ClassTimes times;
    Duration ClassTimes::* counts = &ClassTimes::waiting;  // the state in which it is
    TimePoint since;
    std::size_t ready = 0;
  };
  [[nodiscard]] Entry& entry(SchedClass sched_class);
  static void enter(Entry& its, Duration ClassTimes::* state, TimePoint now) noexcept;
  void leave(TimePoint now) noexcept;
  [[nodiscard]] TimePoint now() const noexcept;

  Poller* poller_;
  mutable std::mutex mutex_;  // of entries_, but for what only the loop's thread reads, and closed_
  std::unordered_map<SchedClass, Entry> entries_;
  Entry* running_ = nullptr;
  std::optional<TimePoint> closed_;
};

}  // namespace coterie::detail
