#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "coterie/debug/stack.hpp"

namespace coterie::debug {

/// Names are the user's: what would break a line, move a terminal's cursor or turn the direction of text is
/// written as \xNN or \uNNNN, and so is what is not UTF-8.
[[nodiscard]] std::string printable(std::string_view text);
/// The same in single quotes, in which quotes and backslashes are escaped.
[[nodiscard]] std::string quoted(std::string_view text);
/// 12ms, 1.5s, 3m20s, 2h05m, 4d03h
[[nodiscard]] std::string time_text(Duration time);
/// The last part of a path, printable.
[[nodiscard]] std::string base_name(std::string_view path);
/// 0x…
[[nodiscard]] std::string hex(std::uint64_t number);
/// `f main.cpp:12`; without the place where it is not known.
[[nodiscard]] std::string place_of(const StackFrame& frame);
/// Printable; "Task-N" where it has none.
[[nodiscard]] std::string name_of(const TaskSnapshot& task);

/// That it waits for a lock which that task holds, and must give back.
[[nodiscard]] inline bool waits_for_holder(const TaskSnapshot& task, std::uint64_t holder) noexcept {
  return contains(lock_kinds, task.wait.kind) && task.held_by == holder;
}

/// The tasks of a snapshot by their ids.
class TasksById {
 public:
  explicit TasksById(const LoopSnapshot& loop);
  /// Null: it is not in the snapshot, as it has ended, or is another loop's.
  [[nodiscard]] const TaskSnapshot* find(std::uint64_t id) const;

 private:
  std::unordered_map<std::uint64_t, const TaskSnapshot*> tasks_;
};

}  // namespace coterie::debug
