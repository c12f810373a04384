#pragma once

// A task as small as one can be, so that these tests are about the compiler and not about the library, and a
// value that notices when it is destroyed twice or never.

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace compiler_cases {

// Owns heap memory, so that ASan sees a second destruction, and counts its living copies, so that we see a
// missing one.
class Tracked {
 public:
  explicit Tracked(int value = 0) : value_(std::make_unique<int>(value)) { ++alive; }
  Tracked(const Tracked& other) : value_(std::make_unique<int>(*other.value_)) { ++alive; }
  Tracked(Tracked&& other) noexcept : value_(std::move(other.value_)) { ++alive; }
  Tracked& operator=(const Tracked&) = delete;
  Tracked& operator=(Tracked&& other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Tracked() { --alive; }

  int value() const { return value_ ? *value_ : -1; }

  static inline int alive = 0;

 private:
  std::unique_ptr<int> value_;
};

template <class T>
class [[nodiscard]] MiniTask {
 public:
  struct promise_type {
    std::coroutine_handle<> caller;
    std::exception_ptr error;
    std::optional<T> value;
    bool suspended = false;  // the caller has returned from await_suspend with true

    struct Final {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
        if (self.promise().suspended) self.promise().caller.resume();
      }
      void await_resume() const noexcept {}
    };

    MiniTask get_return_object() {
      return MiniTask(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void unhandled_exception() { error = std::current_exception(); }
    template <class U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
  };

  MiniTask(MiniTask&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  ~MiniTask() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }

  // Nested resume with a completed-synchronously answer, the shape that compilers.md asks for (F).
  bool await_suspend(std::coroutine_handle<> caller) {
    promise_type& promise = handle_.promise();
    promise.caller = caller;
    handle_.resume();
    if (handle_.done()) return false;
    promise.suspended = true;
    return true;
  }

  T await_resume() {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    return std::move(*handle_.promise().value);
  }

  // Starts the coroutine from plain code; it must complete without suspending for good.
  T run() {
    handle_.resume();
    return await_resume();
  }

  // Runs to the first suspension that is not completed by a callee.
  void start() { handle_.resume(); }
  bool done() const { return handle_.done(); }

 private:
  explicit MiniTask(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

// Suspends once and is resumed by hand.
struct Gate {
  std::coroutine_handle<> waiter;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) noexcept { waiter = caller; }
  void await_resume() const noexcept {}
};

inline MiniTask<Tracked> make(int value) {
  co_return Tracked(value);
}

inline MiniTask<int> read(Tracked tracked) {
  co_return tracked.value();
}

}  // namespace compiler_cases
