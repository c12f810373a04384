#include "src/core/debug_mode.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "coterie/core/task_rec.hpp"
#include "coterie/loop.hpp"

namespace coterie {

bool LoopOptions::debug_by_environment() noexcept {
  const char* value = std::getenv("COTERIE_DEBUG");
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
}

namespace detail {

void DebugMode::step(Runnable& node) noexcept {
  const std::string what = node.describe();  // it may be gone afterwards
  const TimePoint start = loop_->now();
  node.run();
  const std::chrono::duration<double> took = loop_->now() - start;
  if (took < slow_) return;
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", took.count());
  loop_->report(ErrorContext("Executing " + what + " took " + seconds + " seconds", nullptr));
}

Places DebugMode::here() const {
  Places places;
  const TaskRec* task = loop_->current_task();
  if (task == nullptr) return places;
  for (const Frame* frame = task->innermost(); frame != nullptr && places.size() < depth;
       frame = frame->caller())
    places.push_back(frame->awaiting());
  return places;
}

}  // namespace detail
}  // namespace coterie
