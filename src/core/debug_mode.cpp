// Debug mode: what the loop does beyond its work while that is on.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "coterie/loop.hpp"
#include "coterie/task.hpp"

namespace coterie {

bool LoopOptions::debug_by_environment() noexcept {
  const char* value = std::getenv("COTERIE_DEBUG");
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
}

void EventLoop::set_debug(bool on) noexcept {
  options_.debug = on;
  closed_or_debug_ = closed_ || on;
}

void EventLoop::debug_step(Runnable& node) noexcept {
  const std::string what = node.describe();  // it may be gone afterwards
  const TimePoint start = now();
  node.run();
  const Duration took = now() - start;
  if (took < options_.slow_callback_duration) return;
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", std::chrono::duration<double>(took).count());
  report(ErrorContext("Executing " + what + " took " + seconds + " seconds", nullptr));
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
