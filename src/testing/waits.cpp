#include "src/testing/waits.hpp"

#include <algorithm>
#include <vector>

#include "coterie/core/leaf.hpp"

namespace coterie::testing {
namespace {

constexpr std::size_t most_lines = 50;

/// Numbers for addresses: an address differs from run to run, the order of meeting does not.
class Numbers {
 public:
  std::size_t of(const void* object) {
    const auto found = std::find(met_.begin(), met_.end(), object);
    if (found != met_.end()) return static_cast<std::size_t>(found - met_.begin()) + 1;
    met_.push_back(object);
    return met_.size();
  }

 private:
  std::vector<const void*> met_;
};

std::string describe(const WaitInfo& info, Numbers& numbers) {
  if (info.kind == WaitKind::task && info.object != nullptr)
    return "task '" + static_cast<const TaskRec*>(info.object)->name() + "'";
  std::string text(to_string(info.kind));
  if (info.object != nullptr) text += " (#" + std::to_string(numbers.of(info.object)) + ")";
  return text;
}

}  // namespace

std::string describe_waits(const EventLoop& loop) {
  std::string text;
  Numbers numbers;
  std::size_t lines = 0;
  for (const TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task()) {
    const Leaf* leaf = task->waiting_on();
    if (leaf == nullptr) continue;
    if (++lines > most_lines) continue;
    text += "\n  '" + task->name() + "' waits for " + describe(leaf->wait_info(), numbers);
    if (const Frame* frame = task->innermost()) {
      const std::source_location where = frame->awaiting();
      text += " at " + std::string(where.file_name()) + ":" + std::to_string(where.line());
    }
  }
  if (lines > most_lines) text += "\n  and " + std::to_string(lines - most_lines) + " more";
  return text;
}

bool any_waits_for_thread(const EventLoop& loop) noexcept {
  for (const TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task())
    if (const Leaf* leaf = task->waiting_on();
        leaf != nullptr && leaf->waiting() && leaf->wait_info().kind == WaitKind::thread)
      return true;
  return false;
}

}  // namespace coterie::testing
