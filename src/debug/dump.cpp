#include "coterie/debug/dump.hpp"

#include <algorithm>
#include <unordered_map>

#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

constexpr std::size_t most_tasks = 200;
constexpr std::size_t most_named = 5;
constexpr std::size_t most_frames = 24;
constexpr std::size_t outermost_kept = 8;

class Dump {
 public:
  /// `all`: what `shown` was chosen from.
  Dump(const LoopSnapshot& shown, const LoopSnapshot& all)
      : loop_(shown), all_(all), shown_(shown), tasks_(all) {
    for (const TaskSnapshot& task : shown.tasks)
      if (shown_.find(task.parent_id) != nullptr) children_[task.parent_id].push_back(&task);
  }

  std::string render(bool group) {
    const std::size_t count = loop_.tasks.size();
    text_ = count != all_.tasks.size() ? std::to_string(count) + " of " : "";
    text_ += counted(all_.tasks.size()) + "\n";
    if (group)
      render_groups();
    else
      render_forest();
    for (const auto& cycle : find_cycles(all_)) render_cycle(cycle);
    return std::move(text_);
  }

 private:
  static std::string counted(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " task" : " tasks");
  }

  void render_forest() {
    for (const TaskSnapshot& task : loop_.tasks)
      if (shown_.find(task.parent_id) == nullptr) render_task(task, "", "");
    if (loop_.tasks.size() > most_tasks)
      text_ += "and " + std::to_string(loop_.tasks.size() - most_tasks) + " more\n";
  }

  void render_groups() {
    std::size_t lines = 0;
    const auto groups = equal_tasks(loop_);
    for (const std::vector<std::size_t>& equal : groups) {
      if (++lines > most_tasks) break;
      const TaskSnapshot& oldest = loop_.tasks[equal.front()];
      if (equal.size() > 1) text_ += std::to_string(equal.size()) + " x ";
      text_ += std::string(to_string(oldest.state)) + group_wait(oldest, equal.size());
      text_ +=
          class_of(oldest) + (equal.size() > 1 ? "  oldest " : "  ") + reference(oldest.id) + age_of(oldest);
      text_ += "\n";
      render_stack(oldest, "   at ");
    }
    if (groups.size() > most_tasks)
      text_ += "and " + std::to_string(groups.size() - most_tasks) + " more groups\n";
  }

  void render_task(const TaskSnapshot& task, const std::string& branch, const std::string& below) {
    if (++written_ > most_tasks) return;
    text_ += branch + "#" + std::to_string(task.id) + " " + name_of(task) + "  ";
    text_ += to_string(task.state);
    if (task.cancel_requests > 1) text_ += " (" + std::to_string(task.cancel_requests) + " requests)";
    text_ += wait_of(task) + class_of(task) + cancel_of(task) + age_of(task);
    if (task.spawned_at.line != 0)
      text_ += "  spawned " + base_name(task.spawned_at.file) + ":" + std::to_string(task.spawned_at.line);
    text_ += "\n";
    const auto children = children_.find(task.id);
    const bool is_parent = children != children_.end();
    render_stack(task, below + (is_parent ? "|  at " : "   at "));
    if (!is_parent) return;
    for (const TaskSnapshot* child : children->second) {
      const bool last = child == children->second.back();
      render_task(*child, below + (last ? "'- " : "|- "), below + (last ? "   " : "|  "));
    }
  }

  void render_stack(const TaskSnapshot& task, const std::string& prefix) {
    const std::size_t count = task.stack.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (count > most_frames && i == most_frames - outermost_kept) {
        const std::size_t left_out = count - most_frames;
        text_ += prefix + "… " + std::to_string(left_out) + (left_out == 1 ? " frame\n" : " frames\n");
        i += left_out;
      }
      text_ += prefix + frame_text(task.stack[i]);
      text_ += i == 0 && task.runs ? "  <- runs now\n" : "\n";
    }
  }

  static std::string frame_text(const StackFrame& frame) {
    return printable(frame.function) + "() " + base_name(frame.file) + ":" + std::to_string(frame.line);
  }

  std::string wait_of(const TaskSnapshot& task) {
    if (task.ready) return "  ready";
    if (task.wait.kind == WaitKind::none) return "";
    std::string text = "  waits for " + std::string(to_string(task.wait.kind));
    if (task.waits_for.empty()) {
      if (task.due_in) return text + ", due " + due_text(*task.due_in);
      if (task.descriptor) return text + descriptor_text(task);
      if (task.wait.object != nullptr) text += " " + object_text(task.wait.object, task.wait_name);
      if (task.held_by != 0)
        text += (contains(lock_kinds, task.wait.kind) ? ", held by " : ", last taken by ") +
                reference(task.held_by);
      return task.lock ? text + lock_text(*task.lock) : text;
    }
    for (std::size_t i = 0; i < std::min(task.waits_for.size(), most_named); ++i)
      text += (i == 0 ? ": " : ", ") + reference(task.waits_for[i]);
    if (task.waits_for.size() > most_named) text += " +" + std::to_string(task.waits_for.size() - most_named);
    return text;
  }
  static std::string due_text(Duration in) {
    return in < Duration::zero() ? time_text(-in) + " ago" : "in " + time_text(in);
  }
  static std::string descriptor_text(const TaskSnapshot& task) {
    std::string text = ", fd " + std::to_string(*task.descriptor);
    return task.endpoint.empty() ? text : text + " (" + printable(task.endpoint) + ")";
  }
  /// `@1`, or `@1 'accounts'` for what has a name.
  std::string object_text(const void* object, const std::string& name) {
    const std::string number = "@" + std::to_string(number_of(object));
    return name.empty() ? number : number + " " + quoted(name);
  }
  std::string lock_text(const ItsLock& lock) {
    std::string text = ", under lock " + object_text(lock.object, lock.name);
    return lock.held_by == 0 ? text : text + ", held by " + reference(lock.held_by);
  }
  /// Equal tasks wait for the same kind of thing, not for the same.
  std::string group_wait(const TaskSnapshot& task, std::size_t count) {
    if (count == 1 || task.ready || task.wait.kind == WaitKind::none) return wait_of(task);
    return "  waits for " + std::string(to_string(task.wait.kind));
  }
  static std::string class_of(const TaskSnapshot& task) {
    return task.sched_class == 0 ? "" : "  class " + std::to_string(task.sched_class);
  }
  std::string cancel_of(const TaskSnapshot& task) const {
    if (task.cancel_requests == 0 || !task.cancelled_ago) return "";
    std::string text = "  cancel requested";
    if (task.cancelled_by != 0) text += " by " + reference(task.cancelled_by);
    return text + " " + time_text(*task.cancelled_ago) + " ago";
  }
  static std::string age_of(const TaskSnapshot& task) {
    if (!task.age) return "";
    return "  age " + time_text(*task.age) + "  polls " + std::to_string(task.polls);
  }

  void render_cycle(const std::vector<std::uint64_t>& cycle) {
    std::string lines;
    bool locks = false;
    for (std::size_t i = 0; i < cycle.size(); ++i) {
      const TaskSnapshot* waiter = i > 0 ? tasks_.find(cycle[i - 1]) : nullptr;
      const bool by_lock = waiter != nullptr && waits_for_holder(*waiter, cycle[i]);
      if (i > 0) lines += " -> ";
      if (by_lock) {
        lines += std::string(to_string(waiter->wait.kind)).substr(2) + " " +
                 object_text(waiter->wait.object, waiter->wait_name) + " held by ";
        locks = true;
      }
      lines += reference(cycle[i]);
    }
    text_ += (locks ? "deadlock: " : "cycle: ") + lines + "\n";
    if (!locks) return;
    for (std::size_t i = 0; i + 1 < cycle.size(); ++i)
      if (const TaskSnapshot* task = tasks_.find(cycle[i]); task != nullptr && !task->stack.empty())
        text_ += "   " + reference(cycle[i]) + " waits at " + frame_text(task->stack.front()) + "\n";
  }

  std::string reference(std::uint64_t id) const {
    const TaskSnapshot* task = tasks_.find(id);
    return "#" + std::to_string(id) + (task != nullptr ? " '" + name_of(*task) + "'" : "");
  }

  /// Addresses differ from run to run; the order in which they are met does not.
  std::size_t number_of(const void* object) {
    return numbers_.try_emplace(object, numbers_.size() + 1).first->second;
  }

  const LoopSnapshot& loop_;
  const LoopSnapshot& all_;
  TasksById shown_;
  TasksById tasks_;
  std::unordered_map<std::uint64_t, std::vector<const TaskSnapshot*>> children_;
  std::unordered_map<const void*, std::size_t> numbers_;
  std::string text_;
  std::size_t written_ = 0;
};

}  // namespace

std::string format_dump(const LoopSnapshot& loop, const DumpOptions& options) {
  const LoopSnapshot shown = filtered(loop, options.filter);
  return Dump(shown, loop).render(options.group);
}

std::string dump(const EventLoop& loop) {
  return format_dump(snapshot(loop));
}

}  // namespace coterie::debug
