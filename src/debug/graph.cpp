#include "coterie/debug/graph.hpp"

#include <algorithm>
#include <cstdio>

#include "src/core/source_path.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

constexpr std::size_t most_entries = 1'000;
constexpr std::size_t most_levels = 200;

class Builder {
 public:
  explicit Builder(std::optional<int> limit) noexcept : limit_(limit) {}

  CallGraph of_task(const TaskRec& task) {
    ++entries_;
    CallGraph graph;
    graph.name = task.name();
    graph.id = task.id();
    graph.call_stack = task.stack(limit_);
    path_.push_back(&task);
    std::vector<const TaskRec*> seen;
    for (const WaitingTask& waiter : task.awaited_by()) add(graph, *waiter.task, seen);
    path_.pop_back();
    return graph;
  }

  CallGraph of_future(const void* future, const EventLoop& loop) {
    CallGraph graph;
    graph.kind = CallGraph::Kind::future;
    graph.id = reinterpret_cast<std::uintptr_t>(future);
    std::vector<const TaskRec*> seen;
    for (const TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task()) {
      const Leaf* leaf = task->waiting_on();
      if (leaf != nullptr && leaf->wait_info().kind == WaitKind::future && leaf->wait_info().object == future)
        add(graph, *task, seen);
    }
    return graph;
  }

 private:
  void add(CallGraph& graph, const TaskRec& waiter, std::vector<const TaskRec*>& seen) {
    if (entries_ >= most_entries || path_.size() >= most_levels) return;
    if (contains(seen, waiter) || contains(path_, waiter)) return;
    seen.push_back(&waiter);
    graph.awaited_by.push_back(of_task(waiter));
  }
  static bool contains(const std::vector<const TaskRec*>& tasks, const TaskRec& task) {
    return std::find(tasks.begin(), tasks.end(), &task) != tasks.end();
  }

  std::optional<int> limit_;
  std::size_t entries_ = 0;
  std::vector<const TaskRec*> path_;
};

/// The task that calls has got past its newest await: `here` is where it stands.
void stand_at(Stack& stack, std::source_location here) {
  StackFrame top(here, StackFrame::Kind::function);
  if (!stack.empty() && stack.front().function == top.function && stack.front().file == top.file)
    stack.front().line = top.line;
  else
    stack.insert(stack.begin(), std::move(top));
}

std::string_view tag(StackFrame::Kind kind) noexcept {
  switch (kind) {
    case StackFrame::Kind::coroutine:
      return "async ";
    case StackFrame::Kind::generator:
      return "async generator ";
    case StackFrame::Kind::function:
      break;
  }
  return "";
}

void render(const CallGraph& graph, std::size_t level, std::string& text) {
  const std::string indent(level * 4, ' ');
  if (level > 0) text += '\n';
  text += indent;
  if (graph.kind == CallGraph::Kind::task)
    text += "* Task(name=" + quoted(graph.name) + ", id=" + hex(graph.id) + ")";
  else
    text += "* Future(id=" + hex(graph.id) + ")";
  if (!graph.call_stack.empty()) text += '\n' + indent + "  + Call stack:";
  for (const StackFrame& frame : graph.call_stack) {
    text += '\n' + indent + "  |   File " + quoted(coterie::detail::source_path(frame.file)) + ", line " +
            std::to_string(frame.line) + ", in ";
    text += tag(frame.kind);
    text += frame.function + "()";
  }
  if (!graph.awaited_by.empty()) text += '\n' + indent + "  + Awaited by:";
  for (const CallGraph& waiter : graph.awaited_by) render(waiter, level + 1, text);
}

}  // namespace

std::optional<CallGraph> capture_call_graph(std::optional<int> limit, std::source_location here) {
  const TaskRec* task = EventLoop::current().current_task();
  if (task == nullptr) return std::nullopt;
  return capture_call_graph(*task, limit, here);
}

CallGraph capture_call_graph(const TaskRec& task, std::optional<int> limit, std::source_location here) {
  CallGraph graph = Builder(limit).of_task(task);
  const EventLoop* loop = EventLoop::current_or_null();
  if (loop != nullptr && loop->current_task() == &task) {
    graph.call_stack = task.stack();
    stand_at(graph.call_stack, here);
    limit_stack(graph.call_stack, limit);
  }
  return graph;
}

CallGraph detail::capture_future(const void* future, std::optional<int> limit) {
  return Builder(limit).of_future(future, EventLoop::current());
}

std::string format_call_graph(const CallGraph& graph) {
  std::string text;
  render(graph, 0, text);
  return text;
}

void print_call_graph(std::optional<int> limit, std::source_location here) {
  if (const auto graph = capture_call_graph(limit, here)) print_call_graph(*graph);
}

void print_call_graph(const CallGraph& graph) {
  std::printf("%s\n", format_call_graph(graph).c_str());
}

}  // namespace coterie::debug
