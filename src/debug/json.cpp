#include <algorithm>

#include "coterie/debug/dump.hpp"
#include "src/core/json_writer.hpp"
#include "src/core/source_path.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

using coterie::detail::source_path;

std::string milliseconds(const std::optional<Duration>& time) {
  return time ? std::to_string(*time / std::chrono::milliseconds(1)) : "null";
}

template <class Items, class Make>
std::string array(const Items& items, Make make) {
  JsonArray all;
  for (const auto& item : items) all.raw(make(item));
  return all.str();
}

std::string ids(const std::vector<std::uint64_t>& all) {
  return array(all, [](std::uint64_t id) { return std::to_string(id); });
}

std::string address(const void* object) {
  return object == nullptr ? "null" : "\"" + hex(reinterpret_cast<std::uintptr_t>(object)) + "\"";
}

std::string_view word_of(StackFrame::Kind kind) noexcept {
  switch (kind) {
    case StackFrame::Kind::coroutine:
      return "coroutine";
    case StackFrame::Kind::generator:
      return "generator";
    case StackFrame::Kind::function:
      break;
  }
  return "function";
}

std::string frame_json(const StackFrame& frame) {
  return JsonObject()
      .add("function", frame.function)
      .add("file", source_path(frame.file))
      .add("line", frame.line)
      .add("kind", word_of(frame.kind))
      .str();
}

std::string text_or_null(const std::string& text) {
  return text.empty() ? "null" : json_string(text);
}

std::string lock_json(const ItsLock& lock) {
  return JsonObject()
      .raw("object", address(lock.object))
      .raw("name", text_or_null(lock.name))
      .add("held_by", lock.held_by)
      .str();
}

std::string wait_json(const TaskSnapshot& task) {
  if (task.wait.kind == WaitKind::none) return "null";
  return JsonObject()
      .add("kind", static_cast<int>(task.wait.kind))
      .add("what", to_string(task.wait.kind))
      .raw("object", address(task.wait.object))
      .raw("name", text_or_null(task.wait_name))
      .add("held_by", task.held_by)
      .raw("lock", task.lock ? lock_json(*task.lock) : "null")
      .raw("due_in_ms", milliseconds(task.due_in))
      .raw("descriptor", task.descriptor ? std::to_string(*task.descriptor) : "null")
      .raw("endpoint", text_or_null(task.endpoint))
      .raw("tasks", ids(task.waits_for))
      .str();
}

std::string task_json(const TaskSnapshot& task) {
  return JsonObject()
      .add("id", task.id)
      .add("name", task.name)
      .add("parent", task.parent_id)
      .add("state", to_string(task.state))
      .add("running", task.runs)
      .add("ready", task.ready)
      .add("class", task.sched_class)
      .raw("age_ms", milliseconds(task.age))
      .add("polls", task.polls)
      .add("cancel_requests", task.cancel_requests)
      .add("cancelled_by", task.cancelled_by)
      .raw("cancelled_ms_ago", milliseconds(task.cancelled_ago))
      .raw("waits_for", wait_json(task))
      .raw("awaited_by", ids(task.awaited_by))
      .raw(
          "spawned_at",
          JsonObject().add("file", source_path(task.spawned_at.file)).add("line", task.spawned_at.line).str())
      .raw("stack", array(task.stack, frame_json))
      .str();
}

std::string cycle_json(const std::vector<std::uint64_t>& cycle, const TasksById& tasks) {
  std::string text = "[";
  for (std::size_t i = 0; i + 1 < cycle.size(); ++i) {
    const TaskSnapshot* task = tasks.find(cycle[i]);
    const bool by_lock = task != nullptr && waits_for_holder(*task, cycle[i + 1]);
    text += (i > 0 ? "," : "") + JsonObject()
                                     .add("task", cycle[i])
                                     .add("waits_for", cycle[i + 1])
                                     .raw("object", address(by_lock ? task->wait.object : nullptr))
                                     .str();
  }
  return text + "]";
}

}  // namespace

std::string format_json(const LoopSnapshot& loop, const DumpOptions& options) {
  const LoopSnapshot shown = filtered(loop, options.filter);
  const TasksById tasks(loop);
  JsonObject object;
  object.add("schema", 1).add("synchronised", loop.synchronised).add("thread", loop.thread);
  object.raw("problem", loop.problem.empty() ? "null" : json_string(loop.problem));
  object.add("task_count", loop.tasks.size());
  if (!options.group) object.raw("tasks", array(shown.tasks, task_json));
  if (options.group)
    object.raw("groups", array(equal_tasks(shown), [&](const std::vector<std::size_t>& equal) {
                 std::vector<std::uint64_t> members;
                 for (const std::size_t i : equal) members.push_back(shown.tasks[i].id);
                 return JsonObject()
                     .add("count", equal.size())
                     .raw("tasks", ids(members))
                     .raw("oldest", task_json(shown.tasks[equal.front()]))
                     .str();
               }));
  object.raw("deadlocks",
             array(find_cycles(loop), [&](const auto& cycle) { return cycle_json(cycle, tasks); }));
  object.raw("native_stack", array(loop.native_stack, [](const auto& line) { return json_string(line); }));
  return object.str();
}

std::string dump_json(const EventLoop& loop, const DumpOptions& options) {
  return format_json(snapshot(loop), options);
}

}  // namespace coterie::debug
