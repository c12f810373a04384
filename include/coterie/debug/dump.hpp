#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coterie/debug/stack.hpp"

namespace coterie::debug {

/// Which tasks are shown: those that have all that is asked for.
struct TaskFilter {
  std::string state;  ///< one of asyncio's words, `ready` or `waiting`; empty: any
  std::optional<SchedClass> sched_class;
  std::string name;                    ///< a part of it
  std::optional<Duration> older_than;  ///< a task whose age is not known is kept
  std::optional<std::uint64_t> id;

  TaskFilter() = default;
};

struct DumpOptions {
  TaskFilter filter;
  bool group = false;  ///< equal tasks once, with their number: see equal_tasks()

  DumpOptions() = default;
};

/// What a loop's tasks do, for people: each task under the one that spawned it, with its state, what it waits
/// for and its stack, and the circles of tasks that wait for each other. Ends with a newline.
///
///     2 tasks
///     #1 main  pending  waits for a task: #2 'page'  spawned run.hpp:52
///     |  at app::async_main() main.cpp:12
///     '- #2 page  cancelling  waits for a lock @1  spawned main.cpp:11
///           at app::fetch() fetch.cpp:30
///
/// A lock is shown with the task that holds it, and tasks that wait for each other, by await or by lock, as a
/// deadlock. At most 200 tasks, and of a long stack the innermost and the outermost frames; what is left out
/// is counted.
/// `@1` names the same object in every line. Use it on the loop's thread, or while the loop does not run.
[[nodiscard]] std::string dump(const EventLoop& loop);
[[nodiscard]] std::string format_dump(const LoopSnapshot& loop, const DumpOptions& options = DumpOptions());

/// The same for programs: one JSON object, without a newline. `"schema"` is 1; members may be added to it,
/// what one means does not change without a new number. All tasks that the filter keeps. Text is UTF-8: other
/// bytes are U+FFFD.
///
///     {"schema":1,"synchronised":true,"thread":4242,"task_count":2,"tasks":[{"id":1,"name":"main",…}],
///      "groups":[…],"deadlocks":[[{"task":7,"waits_for":9,"object":"0x55…"},…]]}
[[nodiscard]] std::string dump_json(const EventLoop& loop, const DumpOptions& options = DumpOptions());
[[nodiscard]] std::string format_json(const LoopSnapshot& loop, const DumpOptions& options = DumpOptions());

/// Whether a filter keeps the task.
[[nodiscard]] bool matches(const TaskFilter& filter, const TaskSnapshot& task);
[[nodiscard]] LoopSnapshot filtered(LoopSnapshot loop, const TaskFilter& filter);
/// Tasks with the same stack, in the same state, of the same class, waiting for the same kind of thing, as
/// indices into `loop.tasks`: the greatest group first, in each the oldest first.
[[nodiscard]] std::vector<std::vector<std::size_t>> equal_tasks(const LoopSnapshot& loop);

/// The circles in "awaits" and "waits for a lock of", each from one of its tasks back to the same. Nobody in
/// one can ever go on, unless somebody cancels.
[[nodiscard]] std::vector<std::vector<std::uint64_t>> find_cycles(const LoopSnapshot& loop);

/// The text of `python -m asyncio pstree`: tasks `(T)` under the line of the coroutine that awaits them. A
/// task that several await stands under each; those that nobody awaits are the roots. When there are circles
/// it lists them instead, after a line that begins with `ERROR:`. At most 5,000 lines and 100 tasks deep.
///
///     └── (T) main
///         └──  async_main main.cpp:12
///             ├── (T) first
///             │   └──  album main.cpp:7
///             └── (T) second
[[nodiscard]] std::string format_tree(const LoopSnapshot& loop);

/// A row per task and awaiter: thread, task id, task name, coroutine stack, awaiter's stack, awaiter's name,
/// awaiter's id. Stacks are function names, innermost first, joined by ` -> `; ids are hexadecimal.
using TableRow = std::array<std::string, 7>;
[[nodiscard]] std::vector<TableRow> table_rows(const LoopSnapshot& loop);
/// The text of `python -m asyncio ps`: a header, a rule, and the rows.
[[nodiscard]] std::string format_table(const LoopSnapshot& loop);

}  // namespace coterie::debug
