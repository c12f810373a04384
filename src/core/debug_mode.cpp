// Debug mode, and the watch over steps that take long, also without it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "coterie/loop.hpp"
#include "coterie/task.hpp"
#include "src/core/counts.hpp"

namespace coterie {

bool LoopOptions::debug_by_environment() noexcept {
  const char* value = std::getenv("COTERIE_DEBUG");
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
}

void EventLoop::set_debug(bool on) noexcept {
  options_.debug = on;
  closed_or_debug_ = closed_ || on;
  observe();
}

void EventLoop::observe() noexcept {
  observed_ = policy_ != nullptr || debug() || options_.long_step < Duration::max();
}

/// What is about to run, which may be gone when it has run. Of a task no text is made for that, for most
/// steps are short.
class EventLoop::WatchedStep {
 public:
  explicit WatchedStep(Runnable& node)
      : task_(node.of_task() == &node ? static_cast<TaskRec*>(&node) : nullptr) {
    if (task_ == nullptr) {
      callback_ = node.describe();
      return;
    }
    task_->add_ref();
    if (const Frame* frame = task_->started() ? task_->innermost() : nullptr) from_ = frame->awaiting();
  }
  WatchedStep(const WatchedStep&) = delete;
  WatchedStep& operator=(const WatchedStep&) = delete;
  ~WatchedStep() {
    if (task_ != nullptr) task_->release();
  }

  [[nodiscard]] ErrorContext took(Duration time) const {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.3f", std::chrono::duration<double>(time).count());
    ErrorContext context("Executing " + (task_ != nullptr ? task_->describe_from(from_) : callback_) +
                             " took " + seconds + " seconds",
                         nullptr);
    if (task_ != nullptr) context.stack = task_->stack();
    return context;
  }

 private:
  TaskRec* task_;
  std::source_location from_;  // where it stood
  std::string callback_;
};

void EventLoop::watch_step(Runnable& node, Duration limit) noexcept {
  const WatchedStep step(node);
  const TimePoint start = now();
  node.run();
  const Duration took = now() - start;
  if (took < limit) return;
  detail::count(detail::counts.long_steps);
  report(step.took(took));
}

Stack EventLoop::debug_stack() const {
  constexpr int depth = 10;  // asyncio.constants.DEBUG_STACK_DEPTH
  const TaskRec* const task = current_task();
  return debug() && task != nullptr ? task->stack(depth) : Stack();
}

void EventLoop::check_closed_and_thread() const {
  if (closed_) throw std::logic_error("Event loop is closed");
  if (running() && current_or_null() != this)
    throw std::logic_error(
        "Non-thread-safe operation invoked on an event loop other than the current one: use "
        "call_soon_threadsafe()");
}

void detail::destroy_unawaited(Frame& frame) noexcept {
  const EventLoop* loop = EventLoop::current_or_null();
  if (loop != nullptr ? loop->debug() : LoopOptions::debug_by_environment()) {
    const std::source_location where = frame.awaiting();
    EventLoop::report_anywhere(ErrorContext(
        "coroutine '" + function_name(where.function_name()) + "' (" + place(where) + ") was never awaited",
        nullptr, {}, where));
  }
  frame.handle().destroy();
}

}  // namespace coterie
