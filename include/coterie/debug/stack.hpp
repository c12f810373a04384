#pragma once
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/core/leaf.hpp"
#include "coterie/core/stack_frame.hpp"
#include "coterie/spawn.hpp"

/// Looking at tasks without running them: each function here reads what is kept anyway and costs nothing
/// until it is called. On the loop's thread, or while the loop does not run.
namespace coterie::debug {

/// asyncio's words. `cancelling`: a cancel was requested and not taken back; `running`: its step is on the
/// native stack now.
enum class TaskState : std::uint8_t { pending, running, cancelling, cancelled, finished };
[[nodiscard]] std::string_view to_string(TaskState state) noexcept;

/// A line of a source file; 0: not known.
struct Place {
  std::string file;
  std::uint32_t line = 0;

  Place() = default;
  explicit Place(std::source_location where) : file(where.file_name()), line(where.line()) {}
};

/// The lock that goes with a condition: who waits there gave it back, and takes it again before it goes on.
struct ItsLock {
  const void* object = nullptr;  ///< serves as a name only
  std::string name;              ///< empty: it has none
  std::uint64_t held_by = 0;     ///< the task that has it now; 0: nobody is known to

  ItsLock() = default;
};

/// A task at one moment, as data: it may be kept, compared, and sent elsewhere.
struct TaskSnapshot {
  std::uint64_t id = 0;
  std::uint64_t parent_id = 0;  ///< of the task that spawned it, which may have ended; 0: none
  std::string name;
  TaskState state = TaskState::pending;
  bool runs = false;   ///< its step is on the native stack
  bool ready = false;  ///< it stands in the ready queue: new, woken, or giving others their turn
  std::uint32_t cancel_requests = 0;
  Stack stack;                           ///< innermost first; empty once it has ended
  WaitInfo wait;                         ///< `none` unless it waits; the object serves as a name only
  std::vector<std::uint64_t> waits_for;  ///< the tasks among what it waits for now
  std::vector<std::uint64_t>
      awaited_by;  ///< the tasks that await it: by handle, gather, wait, shield, group…
  /// The task that took last what it waits for, a lock or a semaphore, and has not given it back; 0: nobody
  /// is known to have.
  std::uint64_t held_by = 0;
  std::string wait_name;           ///< of the lock, event, queue… that it waits for; empty: it has none
  std::optional<ItsLock> lock;     ///< where it waits for a condition
  std::optional<Duration> due_in;  ///< of the timer that it waits for; negative: it is overdue
  std::optional<int> descriptor;   ///< that it waits for
  std::string endpoint;            ///< what that descriptor is: "tcp 10.0.0.1:40112 -> 10.0.0.2:80", "pipe"
  std::uint32_t polls = 0;         ///< how many steps it has begun
  SchedClass sched_class = 0;
  std::uint64_t cancelled_by = 0;  ///< the task that requested the newest cancel, see TaskRec::CancelNote
  std::optional<Duration> cancelled_ago;  ///< how long ago that was
  std::optional<Duration> age;  ///< since it was spawned, see TaskRec::born(); none once it has ended
  Place spawned_at;

  TaskSnapshot() = default;
};

/// What a loop's tasks do, in order of their creation.
struct LoopSnapshot {
  std::int64_t thread = 0;  ///< the thread's id at the system; 0: it does not run
  std::vector<TaskSnapshot> tasks;
  /// False: it did not answer, and its memory was read while it went on: what changed meanwhile may be wrong.
  bool synchronised = true;
  std::string problem;                    ///< why something is missing; empty: nothing is
  std::vector<std::string> native_stack;  ///< of a thread that did not answer, innermost first

  LoopSnapshot() = default;
};

[[nodiscard]] TaskSnapshot snapshot(const TaskRec& task);
template <class T>
[[nodiscard]] TaskSnapshot snapshot(const JoinHandle<T>& task) {
  return snapshot(task.state());
}
[[nodiscard]] LoopSnapshot snapshot(const EventLoop& loop);

}  // namespace coterie::debug
