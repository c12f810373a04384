#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "coterie/poller.hpp"
#include "coterie/queue/broker.hpp"
#include "src/queue/job_run.hpp"

namespace coterie::queue {

/// What a session shows of itself to its watchdog and its janitor: which leases it holds, and that its loop
/// goes on. The session puts up a new list after each call of the broker; while its loop is blocked, the
/// watchdog moves the deadlines in there, and the session takes them over when it goes on.
///
/// All times are lease times, see Session::lease_time(). Each member says whose it is.
class Pulse {
 public:
  /// A lease on the list.
  struct Held {
    LeaseRef lease;
    TimePoint until;
    JobRun* run = nullptr;                 // valid while the list has it
    std::uint64_t number = 0;              // of that run
    const std::string* handler = nullptr;  // null: not begun
    const TaskRec* task = nullptr;         // to be compared only
    std::shared_ptr<const Secrets> secrets;
    bool refused = false;  // the broker knows of no such lease (any more)
    bool over = false;     // and the run has been told
  };
  /// What the loop was at when it was last seen.
  struct Running {
    std::vector<std::string> jobs;  // "'resize' 0190…", those that have begun
    std::string busy_with;          // the one in whose own step the loop is; empty: none of them
  };

  // --- the session's
  /// Puts up this list, and says that the loop goes on. `list` gets the old one, to be filled again.
  void show(std::vector<Held>& list);
  /// Brings the deadlines that were moved to the runs.
  void collect();
  /// This run's record goes: what is on the list must not refer to it.
  void forget(const JobRun& run);

  /// A job of the session has become dead, or nearly so.
  void note_death() noexcept { ++deaths_; }

  // --- the janitor's
  /// How many so far.
  [[nodiscard]] std::uint64_t deaths() const noexcept { return deaths_; }

  // --- the remote control's
  /// What must not be told of the runs.
  [[nodiscard]] std::vector<std::shared_ptr<const Secrets>> secrets();

  // --- the watchdog's
  /// Grows when the loop has gone on.
  [[nodiscard]] std::uint64_t progress();
  /// Says that the loop goes on, by a message that it had to handle. Any thread.
  void note_progress();
  static constexpr TimePoint nothing_held = TimePoint::min();
  static constexpr TimePoint all_over = TimePoint::max();
  /// Tells the runs whose leases are over by now; gives the earliest end of those that may be extended, or
  /// one of these.
  [[nodiscard]] TimePoint give_up(TimePoint now);
  /// Those that may be extended.
  [[nodiscard]] std::vector<LeaseRef> held();
  /// What the broker said to extending them.
  void extended(const std::vector<LeaseRef>& leases, const std::vector<Verdict>& verdicts, TimePoint until);
  /// `busy_with`: the task in whose step the loop is.
  [[nodiscard]] Running running(const TaskRec* busy_with);

 private:
  [[nodiscard]] static bool can_be_kept(const Held& held) noexcept { return !held.over && !held.refused; }

  std::mutex mutex_;
  std::vector<Held> list_;
  std::uint64_t progress_ = 0;
  std::atomic<std::uint64_t> deaths_{0};
  bool moved_ = false;  // deadlines that the session has not seen
};

}  // namespace coterie::queue
