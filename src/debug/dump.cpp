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

std::string base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return printable(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

class Dump {
 public:
  explicit Dump(const LoopSnapshot& loop) : loop_(loop), tasks_(loop) {
    for (const TaskSnapshot& task : loop.tasks)
      if (tasks_.find(task.parent_id) != nullptr) children_[task.parent_id].push_back(&task);
  }

  std::string render() {
    const std::size_t count = loop_.tasks.size();
    text_ = std::to_string(count) + (count == 1 ? " task\n" : " tasks\n");
    for (const TaskSnapshot& task : loop_.tasks)
      if (tasks_.find(task.parent_id) == nullptr) render_task(task, "", "");
    if (count > most_tasks) text_ += "and " + std::to_string(count - most_tasks) + " more\n";
    for (const auto& cycle : find_cycles(loop_)) {
      text_ += "cycle: ";
      for (std::size_t i = 0; i < cycle.size(); ++i) text_ += (i == 0 ? "" : " -> ") + reference(cycle[i]);
      text_ += "\n";
    }
    return std::move(text_);
  }

 private:
  void render_task(const TaskSnapshot& task, const std::string& branch, const std::string& below) {
    if (++shown_ > most_tasks) return;
    text_ += branch + "#" + std::to_string(task.id) + " " + name_of(task) + "  ";
    text_ += to_string(task.state);
    if (task.cancel_requests > 1) text_ += " (" + std::to_string(task.cancel_requests) + " requests)";
    text_ += wait_of(task);
    if (task.spawned_at.line() != 0)
      text_ += "  spawned " + base_name(task.spawned_at.file_name()) + ":" +
               std::to_string(task.spawned_at.line());
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
      const StackFrame& frame = task.stack[i];
      text_ += prefix + printable(frame.function) + "() " + base_name(frame.file) + ":" +
               std::to_string(frame.line);
      text_ += i == 0 && task.runs ? "  <- runs now\n" : "\n";
    }
  }

  std::string wait_of(const TaskSnapshot& task) {
    if (task.ready) return "  ready";
    if (task.wait.kind == WaitKind::none) return "";
    std::string text = "  waits for " + std::string(to_string(task.wait.kind));
    if (task.waits_for.empty())
      return task.wait.object == nullptr ? text : text + " @" + std::to_string(number_of(task.wait.object));
    for (std::size_t i = 0; i < std::min(task.waits_for.size(), most_named); ++i)
      text += (i == 0 ? ": " : ", ") + reference(task.waits_for[i]);
    if (task.waits_for.size() > most_named) text += " +" + std::to_string(task.waits_for.size() - most_named);
    return text;
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
  TasksById tasks_;
  std::unordered_map<std::uint64_t, std::vector<const TaskSnapshot*>> children_;
  std::unordered_map<const void*, std::size_t> numbers_;
  std::string text_;
  std::size_t shown_ = 0;
};

}  // namespace

std::string format_dump(const LoopSnapshot& loop) {
  return Dump(loop).render();
}

std::string dump(const EventLoop& loop) {
  return format_dump(snapshot(loop));
}

}  // namespace coterie::debug
