#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "coterie/debug/stack.hpp"

namespace coterie::debug {

/// What a loop's tasks do, for people: each task under the one that spawned it, with its state, what it waits
/// for and its stack, and the circles of tasks that wait for each other. Ends with a newline.
///
///     2 tasks
///     #1 main  pending  waits for a task: #2 'page'  spawned run.hpp:52
///     |  at app::async_main() main.cpp:12
///     '- #2 page  cancelling  waits for a lock @1  spawned main.cpp:11
///           at app::fetch() fetch.cpp:30
///
/// At most 200 tasks, and of a long stack the innermost and the outermost frames; what is left out is
/// counted.
/// `@1` names the same object in every line. Use it on the loop's thread, or while the loop does not run.
[[nodiscard]] std::string dump(const EventLoop& loop);
[[nodiscard]] std::string format_dump(const LoopSnapshot& loop);

/// The circles in "awaits", each from one of its tasks back to the same. Nobody in one can ever go on, unless
/// somebody cancels.
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
