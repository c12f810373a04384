#pragma once

// What the tests of the runtime share: a virtual loop for one coroutine, a counter of ticks, the loop's
// exception handler as a list, and the end of anything as one line of text.

#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "src/testing/policies.hpp"

namespace coterie::test {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// Runs `body()` on a virtual loop of its own; what `body` captures outlives the loop.
template <class Body>
auto run(Body body) {
  testing::VirtualLoop loop;
  return loop.run(body());
}

/// For loops with real time: they too run under the scheduling policy that COTERIE_POLICY names.
inline LoopOptions loop_options() {
  LoopOptions options;
  options.policy = testing::policy_by_environment;
  return options;
}
inline RunOptions run_options() {
  RunOptions options;
  options.loop = loop_options();
  return options;
}

/// Enough for every task that was spawned to reach its first suspension: `count` passes of the loop.
inline Task<void> ticks(int count) {
  for (int i = 0; i < count; ++i) co_await yield();
}

/// Seconds of the current (virtual) loop.
inline double seconds() {
  return std::chrono::duration<double>(EventLoop::current().now().time_since_epoch()).count();
}

/// Counts the loop's ticks from the statement that makes it: it stays ahead of whatever is queued later.
class TickCounter {
 public:
  TickCounter() { next(); }
  TickCounter(const TickCounter&) = delete;
  TickCounter& operator=(const TickCounter&) = delete;
  ~TickCounter() { handle_.cancel(); }
  [[nodiscard]] int count() const noexcept { return count_; }

 private:
  void next() {
    handle_ = EventLoop::current().call_soon([this] {
      ++count_;
      next();
    });
  }
  CallbackHandle handle_;
  int count_ = 0;
};

/// Ticks that `awaitable` takes, whatever its end.
template <class Awaitable>
Task<int> ticks_of(Awaitable awaitable) {
  TickCounter counter;
  (void)co_await outcome(std::move(awaitable));
  co_return counter.count();
}

/// The exception handler of a loop, as a list of what it was told; made after the loop, gone before it.
class Reports {
 public:
  explicit Reports(EventLoop& loop) : loop_(&loop) {
    loop.set_exception_handler([this](const ErrorContext& context) { contexts_.push_back(context); });
  }
  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;
  ~Reports() { loop_->set_exception_handler(nullptr); }
  [[nodiscard]] std::size_t count() const noexcept { return contexts_.size(); }
  [[nodiscard]] const ErrorContext& operator[](std::size_t i) const { return contexts_.at(i); }
  [[nodiscard]] std::vector<std::string> messages() const {
    std::vector<std::string> result;
    for (const auto& context : contexts_) result.push_back(context.message);
    return result;
  }

 private:
  EventLoop* loop_;
  std::vector<ErrorContext> contexts_;
};

/// "value", "cancelled", "cancelled: why", "timeout", "group(a; b)", or what() of the exception.
inline std::string text(const std::exception_ptr& error) {
  if (!error) return "value";
  try {
    std::rethrow_exception(error);
  } catch (const Cancelled& cancel) {
    return cancel.message().empty() ? "cancelled" : "cancelled: " + cancel.message();
  } catch (const TimeoutError&) {
    return "timeout";
  } catch (const ExceptionGroup& group) {
    std::string list;
    for (const auto& member : group.errors()) list += (list.empty() ? "" : "; ") + text(member);
    return "group(" + list + ")";
  } catch (const std::exception& e) {
    return e.what();
  }
}
template <class T>
std::string text(const Outcome<T>& end) {
  return end.empty() ? "empty" : text(end.error());
}
/// How `awaitable` ends.
template <class Awaitable>
Task<std::string> end_of(Awaitable awaitable) {
  auto end = co_await outcome(std::move(awaitable));
  co_return text(end);
}

struct Boom : std::runtime_error {
  explicit Boom(const std::string& what = "boom") : std::runtime_error(what) {}
};
inline std::exception_ptr error(const std::string& what) {
  return std::make_exception_ptr(Boom(what));
}

inline Task<void> nop() {
  co_return;
}
inline Task<int> give(int value) {
  co_return value;
}
inline Task<int> give_later(Duration delay, int value) {
  co_await sleep(delay);
  co_return value;
}
inline Task<void> fail(std::string what = "boom") {
  co_await std::suspend_never();
  throw Boom(what);
}
inline Task<void> fail_later(Duration delay, std::string what = "boom") {
  co_await sleep(delay);
  throw Boom(what);
}
inline Task<void> sleeper(Duration delay) {
  co_await sleep(delay);
}
/// Sleeps, and answers a cancel with another error.
inline Task<void> crash_on_cancel(Duration delay, std::string what) {
  Outcome<void> end = co_await outcome(sleep(delay));
  if (end.cancelled()) throw Boom(what);
}
template <class T>
Task<T> await_future(Future<T> future) {
  if constexpr (std::is_void_v<T>)
    co_await future;
  else
    co_return co_await future;
}

/// A task that runs `task_group(block)`; what `block` refers to must outlive it.
template <class How, class Block>
JoinHandle<void> spawn_group(Block& block) {
  return spawn([&block]() -> Task<void, How> { co_await task_group(block); });
}

/// Owns heap memory, so that ASan sees a use after its end, and counts its living copies.
class Probe {
 public:
  explicit Probe(int& alive, int value = 0)
      : alive_(std::make_unique<int*>(&alive)), value_(std::make_unique<int>(value)) {
    ++alive;
  }
  Probe(const Probe& other)
      : alive_(std::make_unique<int*>(*other.alive_)), value_(std::make_unique<int>(*other.value_)) {
    ++**alive_;
  }
  Probe(Probe&&) noexcept = default;
  Probe& operator=(Probe&&) noexcept = default;
  ~Probe() {
    if (alive_) --**alive_;
  }
  [[nodiscard]] int value() const { return *value_; }

 private:
  std::unique_ptr<int*> alive_;
  std::unique_ptr<int> value_;
};

}  // namespace coterie::test
