// Which tasks of a snapshot are shown, and which are shown as one.
#include <algorithm>
#include <map>
#include <tuple>

#include "coterie/debug/dump.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {

bool matches(const TaskFilter& filter, const TaskSnapshot& task) {
  if (filter.id && task.id != *filter.id) return false;
  if (filter.sched_class && task.sched_class != *filter.sched_class) return false;
  if (!filter.name.empty() && name_of(task).find(filter.name) == std::string::npos) return false;
  if (filter.older_than && task.age && *task.age < *filter.older_than) return false;
  if (filter.state.empty() || filter.state == to_string(task.state)) return true;
  if (filter.state == "ready") return task.ready;
  return filter.state == "waiting" && task.wait.kind != WaitKind::none;
}

LoopSnapshot filtered(LoopSnapshot loop, const TaskFilter& filter) {
  std::erase_if(loop.tasks, [&](const TaskSnapshot& task) { return !matches(filter, task); });
  return loop;
}

std::vector<std::vector<std::size_t>> equal_tasks(const LoopSnapshot& loop) {
  using Key = std::tuple<TaskState, bool, SchedClass, WaitKind, std::string>;
  std::map<Key, std::vector<std::size_t>> found;
  for (std::size_t i = 0; i < loop.tasks.size(); ++i) {
    const TaskSnapshot& task = loop.tasks[i];
    std::string chain;
    for (const StackFrame& frame : task.stack)
      chain += frame.function + '\n' + frame.file + '\n' + std::to_string(frame.line) + '\n';
    found[Key(task.state, task.ready, task.sched_class, task.wait.kind, std::move(chain))].push_back(i);
  }
  std::vector<std::vector<std::size_t>> groups;
  for (auto& [key, tasks] : found) groups.push_back(std::move(tasks));
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() > b.size() : a.front() < b.front();
  });
  return groups;
}

}  // namespace coterie::debug
