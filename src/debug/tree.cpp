#include <algorithm>
#include <unordered_map>

#include "coterie/debug/dump.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

constexpr std::size_t most_lines = 5'000;
constexpr std::size_t most_levels = 100;

using Ids = std::vector<std::uint64_t>;

enum class Edges : std::uint8_t { awaits, awaits_and_locks };

/// Who awaits whom, the other way round: each task's children, in order of their creation. With `locks`, who
/// holds what a task waits for is its child as well.
class Awaits {
 public:
  explicit Awaits(const LoopSnapshot& loop, Edges edges = Edges::awaits) {
    for (const TaskSnapshot& task : loop.tasks)
      for (const std::uint64_t parent : task.awaited_by) {
        const auto [children, is_new] = children_.try_emplace(parent);
        if (is_new) parents_.push_back(parent);
        children->second.push_back(task.id);
      }
    if (edges == Edges::awaits) return;
    for (const TaskSnapshot& task : loop.tasks) {
      if (!waits_for_holder(task, task.held_by) || task.held_by == 0) continue;
      const auto [children, is_new] = children_.try_emplace(task.id);
      if (is_new) parents_.push_back(task.id);
      children->second.push_back(task.held_by);
    }
  }
  [[nodiscard]] const Ids& parents() const noexcept { return parents_; }
  [[nodiscard]] const Ids& of(std::uint64_t parent) const {
    static const Ids none;
    const auto found = children_.find(parent);
    return found == children_.end() ? none : found->second;
  }

 private:
  Ids parents_;
  std::unordered_map<std::uint64_t, Ids> children_;
};

/// Depth first, without recursion: chains of tasks may be long.
class CycleSearch {
 public:
  explicit CycleSearch(Awaits awaits) noexcept : awaits_(std::move(awaits)) {}

  std::vector<Ids> run() {
    for (const std::uint64_t parent : awaits_.parents())
      if (!colours_.contains(parent)) walk(parent);
    return std::move(cycles_);
  }

 private:
  enum class Colour : std::uint8_t { on_path, left };
  struct Level {
    std::uint64_t task;
    std::size_t next_child;
  };

  void walk(std::uint64_t start) {
    enter(start);
    while (!path_.empty()) {
      Level& level = path_.back();
      const Ids& children = awaits_.of(level.task);
      if (level.next_child == children.size()) {
        colours_[level.task] = Colour::left;
        path_.pop_back();
        continue;
      }
      const std::uint64_t child = children[level.next_child++];
      const auto found = colours_.find(child);
      if (found == colours_.end())
        enter(child);
      else if (found->second == Colour::on_path)
        close(child);
    }
  }
  void enter(std::uint64_t task) {
    colours_.emplace(task, Colour::on_path);
    path_.push_back({task, 0});
  }
  void close(std::uint64_t task) {
    const auto begin =
        std::find_if(path_.begin(), path_.end(), [&](const Level& level) { return level.task == task; });
    Ids& cycle = cycles_.emplace_back();
    for (auto level = begin; level != path_.end(); ++level) cycle.push_back(level->task);
    cycle.push_back(task);
  }

  const Awaits awaits_;
  std::unordered_map<std::uint64_t, Colour> colours_;
  std::vector<Level> path_;
  std::vector<Ids> cycles_;
};

class Tree {
 public:
  explicit Tree(const LoopSnapshot& loop) : loop_(loop), tasks_(loop), awaits_(loop) {}

  std::string render() {
    // Awaiters that are not in the snapshot are roots as well: without them their children would be missing.
    for (const TaskSnapshot& task : loop_.tasks)
      if (task.awaited_by.empty()) render_task(task.id, "", true, 0);
    for (const std::uint64_t parent : awaits_.parents())
      if (tasks_.find(parent) == nullptr) render_task(parent, "", true, 0);
    if (lines_ > most_lines) text_ += "…\n";
    return std::move(text_);
  }

 private:
  void line(const std::string& prefix, bool last, const std::string& label) {
    if (++lines_ <= most_lines) text_ += prefix + (last ? "└── " : "├── ") + label + "\n";
  }
  static std::string below(const std::string& prefix, bool last) { return prefix + (last ? "    " : "│   "); }

  void render_task(std::uint64_t id, std::string prefix, bool last, std::size_t level) {
    const TaskSnapshot* task = tasks_.find(id);
    line(prefix, last, "(T) " + (task != nullptr ? name_of(*task) : "Unknown"));
    if (lines_ > most_lines) return;
    prefix = below(prefix, last);
    if (task != nullptr)
      for (auto frame = task->stack.rbegin(); frame != task->stack.rend(); ++frame) {
        line(prefix, true, " " + place_of(*frame));
        prefix = below(prefix, true);
        if (lines_ > most_lines) return;
      }
    const Ids& children = awaits_.of(id);
    if (!children.empty() && level + 1 == most_levels) {
      line(prefix, true, "…");
      return;
    }
    for (std::size_t i = 0; i < children.size(); ++i)
      render_task(children[i], prefix, i + 1 == children.size(), level + 1);
  }

  const LoopSnapshot& loop_;
  TasksById tasks_;
  Awaits awaits_;
  std::string text_;
  std::size_t lines_ = 0;
};

}  // namespace

std::vector<std::vector<std::uint64_t>> find_cycles(const LoopSnapshot& loop) {
  return CycleSearch(Awaits(loop, Edges::awaits_and_locks)).run();
}

std::string format_tree(const LoopSnapshot& loop) {
  const auto cycles = CycleSearch(Awaits(loop)).run();
  if (cycles.empty()) return Tree(loop).render();
  std::string text = "ERROR: await-graph contains cycles - cannot print a tree!\n\n";
  const TasksById tasks(loop);
  for (const auto& cycle : cycles) {
    text += "cycle: ";
    for (std::size_t i = 0; i < cycle.size(); ++i) {
      const TaskSnapshot* task = tasks.find(cycle[i]);
      text += (i == 0 ? "" : " → ") + (task != nullptr ? name_of(*task) : hex(cycle[i]));
    }
    text += "\n";
  }
  return text;
}

}  // namespace coterie::debug
