#include <algorithm>

#include "coterie/debug/dump.hpp"
#include "src/core/source_path.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

using coterie::detail::source_path;

/// An object, member by member.
class Object {
 public:
  Object& raw(std::string_view key, std::string_view json) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    text_.append(key).append("\":").append(json);
    return *this;
  }
  Object& text(std::string_view key, std::string_view value) { return raw(key, json_quoted(value)); }
  Object& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  template <class Number>
  Object& number(std::string_view key, Number value) {
    return raw(key, std::to_string(value));
  }
  Object& milliseconds(std::string_view key, const std::optional<Duration>& time) {
    return time ? number(key, std::chrono::duration_cast<std::chrono::milliseconds>(*time).count())
                : raw(key, "null");
  }
  [[nodiscard]] std::string str() { return std::move(text_ += '}'); }

 private:
  std::string text_ = "{";
};

template <class Items, class Make>
std::string array(const Items& items, Make make) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += make(item);
  }
  text += ']';
  return text;
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
  return Object()
      .text("function", frame.function)
      .text("file", source_path(frame.file))
      .number("line", frame.line)
      .text("kind", word_of(frame.kind))
      .str();
}

std::string text_or_null(const std::string& text) {
  return text.empty() ? "null" : json_quoted(text);
}

std::string lock_json(const ItsLock& lock) {
  return Object()
      .raw("object", address(lock.object))
      .raw("name", text_or_null(lock.name))
      .number("held_by", lock.held_by)
      .str();
}

std::string wait_json(const TaskSnapshot& task) {
  if (task.wait.kind == WaitKind::none) return "null";
  return Object()
      .number("kind", static_cast<int>(task.wait.kind))
      .text("what", to_string(task.wait.kind))
      .raw("object", address(task.wait.object))
      .raw("name", text_or_null(task.wait_name))
      .number("held_by", task.held_by)
      .raw("lock", task.lock ? lock_json(*task.lock) : "null")
      .milliseconds("due_in_ms", task.due_in)
      .raw("descriptor", task.descriptor ? std::to_string(*task.descriptor) : "null")
      .raw("endpoint", text_or_null(task.endpoint))
      .raw("tasks", ids(task.waits_for))
      .str();
}

std::string task_json(const TaskSnapshot& task) {
  return Object()
      .number("id", task.id)
      .text("name", task.name)
      .number("parent", task.parent_id)
      .text("state", to_string(task.state))
      .flag("running", task.runs)
      .flag("ready", task.ready)
      .number("class", task.sched_class)
      .milliseconds("age_ms", task.age)
      .number("polls", task.polls)
      .number("cancel_requests", task.cancel_requests)
      .number("cancelled_by", task.cancelled_by)
      .milliseconds("cancelled_ms_ago", task.cancelled_ago)
      .raw("waits_for", wait_json(task))
      .raw("awaited_by", ids(task.awaited_by))
      .raw(
          "spawned_at",
          Object().text("file", source_path(task.spawned_at.file)).number("line", task.spawned_at.line).str())
      .raw("stack", array(task.stack, frame_json))
      .str();
}

std::string cycle_json(const std::vector<std::uint64_t>& cycle, const TasksById& tasks) {
  std::string text = "[";
  for (std::size_t i = 0; i + 1 < cycle.size(); ++i) {
    const TaskSnapshot* task = tasks.find(cycle[i]);
    const bool by_lock = task != nullptr && waits_for_holder(*task, cycle[i + 1]);
    text += (i > 0 ? "," : "") + Object()
                                     .number("task", cycle[i])
                                     .number("waits_for", cycle[i + 1])
                                     .raw("object", address(by_lock ? task->wait.object : nullptr))
                                     .str();
  }
  return text + "]";
}

}  // namespace

std::string format_json(const LoopSnapshot& loop, const DumpOptions& options) {
  const LoopSnapshot shown = filtered(loop, options.filter);
  const TasksById tasks(loop);
  Object object;
  object.number("schema", 1).flag("synchronised", loop.synchronised).number("thread", loop.thread);
  object.raw("problem", loop.problem.empty() ? "null" : json_quoted(loop.problem));
  object.number("task_count", loop.tasks.size());
  if (!options.group) object.raw("tasks", array(shown.tasks, task_json));
  if (options.group)
    object.raw("groups", array(equal_tasks(shown), [&](const std::vector<std::size_t>& equal) {
                 std::vector<std::uint64_t> members;
                 for (const std::size_t i : equal) members.push_back(shown.tasks[i].id);
                 return Object()
                     .number("count", equal.size())
                     .raw("tasks", ids(members))
                     .raw("oldest", task_json(shown.tasks[equal.front()]))
                     .str();
               }));
  object.raw("deadlocks",
             array(find_cycles(loop), [&](const auto& cycle) { return cycle_json(cycle, tasks); }));
  object.raw("native_stack", array(loop.native_stack, [](const auto& line) { return json_quoted(line); }));
  return object.str();
}

std::string dump_json(const EventLoop& loop, const DumpOptions& options) {
  return format_json(snapshot(loop), options);
}

}  // namespace coterie::debug
