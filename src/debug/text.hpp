#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "coterie/debug/stack.hpp"

namespace coterie::debug {

/// Names are the user's: what would break a line or move a terminal's cursor is written as \xNN.
[[nodiscard]] std::string printable(std::string_view text);
/// The same in single quotes, in which quotes and backslashes are escaped.
[[nodiscard]] std::string quoted(std::string_view text);
/// 0x…
[[nodiscard]] std::string hex(std::uint64_t number);
/// `f main.cpp:12`; without the place where it is not known.
[[nodiscard]] std::string place_of(const StackFrame& frame);
/// Printable; "Task-N" where it has none.
[[nodiscard]] std::string name_of(const TaskSnapshot& task);

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
