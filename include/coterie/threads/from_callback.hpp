#pragma once
#include <exception>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/threads/completion.hpp"

namespace coterie {

/// Thrown by from_callback() when every copy of the completer has gone and none was called.
class BrokenCallback : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What from_callback() gives to the API that is to call back: copyable, for any thread. Only the first call
/// of any copy counts; one that comes after the waiter was cancelled is ignored.
template <class T>
class Completer {
 public:
  /// For the runtime.
  explicit Completer(Completion<T> completion) : last_(std::make_shared<Last>(std::move(completion))) {}

  /// The result: what `T` can be made of; nothing for void.
  template <class... Args>
    requires(std::is_void_v<T> ? sizeof...(Args) == 0 : std::is_constructible_v<T, Args...>)
  void operator()(Args&&... args) const {
    last_->completion.set_value(std::forward<Args>(args)...);
  }
  /// Thrown by the await. std::invalid_argument when it is null.
  void fail(std::exception_ptr error) const {
    detail::require_exception(error, "Completer::fail()");
    last_->completion.set_exception(std::move(error));
  }
  /// The waiter has gone: the work may be skipped.
  [[nodiscard]] bool abandoned() const noexcept { return last_->completion.abandoned(); }
  /// Requested when the waiter has gone. To be asked for while from_callback() starts the operation; the
  /// token itself goes anywhere.
  [[nodiscard]] std::stop_token stop_token() const { return last_->completion.stop_token(); }

 private:
  struct Last {
    explicit Last(Completion<T> given) : completion(std::move(given)) {}
    Last(const Last&) = delete;
    Last& operator=(const Last&) = delete;
    ~Last() {
      if (completion.done()) return;
      auto error =
          std::make_exception_ptr(BrokenCallback("the callback was dropped without having been called"));
      completion.set_exception(std::move(error));
    }
    Completion<T> completion;
  };
  std::shared_ptr<Last> last_;
};

namespace detail {

struct NothingOnCancel {
  void operator()() const noexcept {}
};

template <class T, class Start, class OnCancel>
class CallbackAwaiter final : public CompletionLeaf<T> {
 public:
  template <class S, class C>
  CallbackAwaiter(Completion<T> completion, S&& start, C&& on_cancel)
      : CompletionLeaf<T>(completion, WaitKind::callback),
        completion_(std::move(completion)),
        start_(std::forward<S>(start)),
        on_cancel_(std::forward<C>(on_cancel)) {}
  ~CallbackAwaiter() { give_up(); }
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    CompletionLeaf<T>::await_suspend(caller);
    if (!this->waiting()) return;  // cancelled before it began: nothing is started
    started_ = true;
    const Completer<T> done(completion_);  // outlives what start throws, which comes before "dropped"
    try {
      start_(done);
    } catch (...) {
      completion_.set_exception(std::current_exception());
    }
  }
  Leaf::CancelReply cancel(const CancelMessage&) override {
    give_up();
    return Leaf::CancelReply::detached;
  }

 private:
  /// Nothing of this is touched once users' code runs, which may destroy it.
  void give_up() {
    this->leave();
    const Completion<T> completion = completion_;
    const bool started = std::exchange(started_, false);
    if (!started || completion.done()) {
      completion.abandon();
      return;
    }
    OnCancel on_cancel = std::move(on_cancel_);
    completion.abandon();
    on_cancel();
  }
  Completion<T> completion_;
  Start start_;
  OnCancel on_cancel_;
  bool started_ = false;
};

}  // namespace detail

/// Awaits an API that answers through a callback, from whatever thread:
///
///     int bytes = co_await from_callback<int>([&](Completer<int> done) {
///       start_read(fd, [done](int count) { done(count); });
///     });
///
/// `start(completer)` is called once, by the await, on the loop's thread; what it throws comes out of the
/// await. The task goes on two ticks after the first call of the completer. If all its copies are destroyed
/// without a call, BrokenCallback is thrown; if one is kept and never called, the task waits until it is
/// cancelled. Through a C API's `void*` travels a `new Completer<T>(done)` that the callback deletes.
///
/// A cancel is delivered at once: `done.stop_token()` is requested, `on_cancel()` is called, if given, on the
/// loop's thread (it must not throw; it may cancel and destroy tasks, this one too), and a result that comes
/// later is dropped. A cancel that was pending before means that nothing is started. The operation may
/// outlive the caller: it must own what it uses, unless `on_cancel` returns only when it has ended.
template <class T = void, class Start, class OnCancel = detail::NothingOnCancel>
  requires std::invocable<std::decay_t<Start>&, Completer<T>> && std::invocable<std::decay_t<OnCancel>&>
[[nodiscard]] auto from_callback(Start&& start, OnCancel&& on_cancel = OnCancel()) {
  COTERIE_GUARD_CALLABLE(Start);
  COTERIE_GUARD_CALLABLE(OnCancel);
  return detail::CallbackAwaiter<T, std::decay_t<Start>, std::decay_t<OnCancel>>(
      Completion<T>(), std::forward<Start>(start), std::forward<OnCancel>(on_cancel));
}

}  // namespace coterie
