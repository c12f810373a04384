#pragma once
#include <atomic>
#include <memory>
#include <stop_token>
#include <utility>

#include "coterie/outcome.hpp"
#include "coterie/threads/settlement.hpp"

namespace coterie {
namespace detail {
template <class T>
class FutureBridge;
template <class T>
class CompletionLeaf;
template <class T>
class CompletionAwaiter;
}  // namespace detail

/// A result that another thread will set, once, for one task of a loop to await. A copyable handle to shared
/// state: hand a copy to the thread, keep one to wait on. (concurrent.futures.Future)
///
/// set_value() and set_exception() may be called from any thread; only the first call counts. When the
/// waiting task was cancelled, or its loop has closed, the result is dropped: the thread need not know. `T`
/// may be void.
template <class T>
class Completion {
  struct Shared;

 public:
  Completion() : state_(std::make_shared<Shared>()) {}

  template <class... Args>
  void set_value(Args&&... args) const {
    state_->settle([&] { state_->outcome.set_value(std::forward<Args>(args)...); });
  }
  /// std::invalid_argument when `error` is null.
  void set_exception(std::exception_ptr error) const {
    detail::require_exception(error, "Completion::set_exception()");
    state_->settle([&] { state_->outcome.set_exception(std::move(error)); });
  }
  void set_outcome(Outcome<T> end) const {
    state_->settle([&] { state_->outcome = std::move(end); });
  }
  /// The result has been set. Any thread.
  [[nodiscard]] bool done() const noexcept { return state_->done(); }
  /// Nobody waits for the result any more: what would compute it may be skipped. Any thread.
  [[nodiscard]] bool abandoned() const noexcept { return state_->abandoned.load(std::memory_order_acquire); }
  /// Says so; false when the result was set before. The loop's thread.
  bool abandon() const { return state_->abandon(); }  // NOLINT(modernize-use-nodiscard)
  /// Requested when nobody waits any more. To be asked for before copies are handed to other threads; the
  /// token itself goes anywhere.
  [[nodiscard]] std::stop_token stop_token() const {
    if (!state_->stop.stop_possible()) state_->stop = std::stop_source();
    return state_->stop.get_token();
  }

  /// Awaits the result: once, by one task. A cancel stops the waiting at once; the thread is not disturbed.
  [[nodiscard]] detail::CompletionAwaiter<T> wait(WaitKind kind = WaitKind::thread) const {
    return detail::CompletionAwaiter<T>(*this, kind);
  }

  friend bool operator==(const Completion&, const Completion&) = default;

 private:
  template <class U>
  friend class detail::FutureBridge;
  friend class detail::CompletionLeaf<T>;

  struct Shared : detail::Settlement {
    bool abandon() {
      if (done()) return false;
      if (!abandoned.exchange(true, std::memory_order_acq_rel)) stop.request_stop();
      return true;
    }
    Outcome<T> outcome;
    std::atomic<bool> abandoned{false};
    std::stop_source stop{std::nostopstate};
  };

  std::shared_ptr<Shared> state_;
};

namespace detail {

/// Waits for a completion. What derives from this calls leave() in its destructor.
template <class T>
class CompletionLeaf : public SettlementLeaf {
 public:
  T await_resume() {
    deliver();
    return std::move(state_->outcome).get();
  }

 protected:
  CompletionLeaf(const Completion<T>& completion, WaitKind kind)
      : SettlementLeaf(kind, *completion.state_), state_(completion.state_) {}
  ~CompletionLeaf() = default;
  void give_up() {
    leave();
    const auto state = state_;  // what abandon() calls may destroy this
    state->abandon();
  }

 private:
  std::exception_ptr target_cancel() noexcept override {
    return state_->outcome.cancelled() ? state_->outcome.error() : nullptr;
  }
  std::shared_ptr<typename Completion<T>::Shared> state_;
};

template <class T>
class CompletionAwaiter final : public CompletionLeaf<T> {
 public:
  CompletionAwaiter(const Completion<T>& completion, WaitKind kind) : CompletionLeaf<T>(completion, kind) {}
  ~CompletionAwaiter() { this->give_up(); }
  Leaf::CancelReply cancel(const CancelMessage&) override {
    this->give_up();
    return Leaf::CancelReply::detached;
  }
};

}  // namespace detail
}  // namespace coterie
