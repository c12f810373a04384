#pragma once
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "coterie/core/stack_frame.hpp"
#include "coterie/future.hpp"
#include "coterie/spawn.hpp"

namespace coterie::debug {

/// A task or future, its stack, and who awaits it, and who awaits those (asyncio.FutureCallGraph). At most
/// 10,000 entries, 200 levels deep; a task that awaits itself through others is not followed round again.
struct CallGraph {
  enum class Kind : std::uint8_t { task, future };
  Kind kind = Kind::task;
  std::string name;      ///< empty for a future
  std::uint64_t id = 0;  ///< the task's id; a future's address
  Stack call_stack;      ///< innermost first; a future has none
  std::vector<CallGraph> awaited_by;

  CallGraph() = default;
};

/// Of the task that calls; nothing in a plain callback, std::logic_error when no loop runs on this thread.
///
/// `limit` cuts every stack: > 0 keeps so many of the innermost frames, < 0 of the outermost, 0 none.
/// `here`: the line that is named for the innermost frame. When it stands in a plain function that the
/// coroutine has called, that function is put on top of the stack; functions in between are not known, for
/// C++ keeps no names of them. A helper that reports for its caller passes its own caller's location on.
/// (asyncio.capture_call_graph, CPython 3.14, where `depth` does that)
[[nodiscard]] std::optional<CallGraph> capture_call_graph(
    std::optional<int> limit = std::nullopt, std::source_location here = std::source_location::current());
/// Of any task; `here` matters only for the one that calls.
[[nodiscard]] CallGraph capture_call_graph(const TaskRec& task, std::optional<int> limit = std::nullopt,
                                           std::source_location here = std::source_location::current());
template <class T>
[[nodiscard]] CallGraph capture_call_graph(const JoinHandle<T>& task, std::optional<int> limit = std::nullopt,
                                           std::source_location here = std::source_location::current()) {
  return capture_call_graph(task.state(), limit, here);
}
namespace detail {
[[nodiscard]] CallGraph capture_future(const void* future, std::optional<int> limit);
}
/// Of a future: the tasks of this thread's loop that await it. std::logic_error when none runs.
template <class T>
[[nodiscard]] CallGraph capture_call_graph(const Future<T>& future, std::optional<int> limit = std::nullopt) {
  return detail::capture_future(future.id(), limit);
}

/// asyncio's text, without a newline at its end:
///
///     * Task(name='worker', id=0x7)
///       + Call stack:
///       |   File 'fetch.cpp', line 30, in async app::fetch()
///       + Awaited by:
///         * Task(name='main', id=0x1)
[[nodiscard]] std::string format_call_graph(const CallGraph& graph);

/// Prints the graph of the task that calls on stdout; nothing in a plain callback.
void print_call_graph(std::optional<int> limit = std::nullopt,
                      std::source_location here = std::source_location::current());
void print_call_graph(const CallGraph& graph);

}  // namespace coterie::debug
