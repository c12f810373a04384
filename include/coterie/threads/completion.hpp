#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "coterie/core/leaf.hpp"
#include "coterie/loop.hpp"
#include "coterie/outcome.hpp"

namespace coterie {

/// A result that another thread will set, once, for one task of a loop to await. A copyable handle to shared
/// state: hand a copy to the thread, keep one to wait on.
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
    settle([&](Outcome<T>& outcome) { outcome.set_value(std::forward<Args>(args)...); });
  }
  void set_exception(std::exception_ptr error) const {
    settle([&](Outcome<T>& outcome) { outcome.set_exception(std::move(error)); });
  }
  void set_outcome(Outcome<T> end) const {
    settle([&](Outcome<T>& outcome) { outcome = std::move(end); });
  }
  /// Nobody waits for the result any more: what would compute it may be skipped. Any thread.
  [[nodiscard]] bool abandoned() const {
    const std::lock_guard lock(state_->mutex);
    return state_->abandoned;
  }

  class Awaiter final : public Leaf {
   public:
    explicit Awaiter(std::shared_ptr<Shared> state, WaitKind kind)
        : Leaf(kind, state.get()), state_(std::move(state)) {}
    ~Awaiter() { detach(); }
    bool await_ready() const {
      const std::lock_guard lock(state_->mutex);
      return !state_->outcome.empty();
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      suspend(caller);
      if (!waiting()) return;  // the task was cancelled already
      bool ready = false;
      {
        const std::lock_guard lock(state_->mutex);
        ready = !state_->outcome.empty();
        if (!ready) state_->inbox = EventLoop::current().inbox();
        state_->waiter = this;
      }
      if (ready) arrived();
    }
    T await_resume() {
      deliver();
      return std::move(state_->outcome).get();
    }
    CancelReply cancel(const CancelMessage&) override {
      detach();
      return CancelReply::detached;
    }
    void arrived() noexcept { wake(); }

   private:
    void detach() noexcept {
      const std::lock_guard lock(state_->mutex);
      state_->waiter = nullptr;
      if (state_->outcome.empty()) state_->abandoned = true;
    }
    std::shared_ptr<Shared> state_;
  };
  /// Awaits the result: once, by one task. A cancel stops the waiting at once; the thread is not disturbed.
  [[nodiscard]] Awaiter wait(WaitKind kind = WaitKind::thread) const { return Awaiter(state_, kind); }

 private:
  struct Shared {
    std::mutex mutex;
    Outcome<T> outcome;
    std::shared_ptr<Inbox> inbox;  // of the loop that waits
    Awaiter* waiter = nullptr;     // its loop's thread reads it after the post has arrived there
    bool abandoned = false;
  };

  template <class Set>
  void settle(Set set) const {
    std::shared_ptr<Inbox> inbox;
    {
      const std::lock_guard lock(state_->mutex);
      if (!state_->outcome.empty()) return;
      set(state_->outcome);
      inbox = state_->inbox;
    }
    if (!inbox) return;
    inbox->post(make_posted([state = state_] {
      Awaiter* waiter = nullptr;
      {
        const std::lock_guard lock(state->mutex);
        waiter = state->waiter;
      }
      if (waiter != nullptr && waiter->waiting()) waiter->arrived();
    }));
  }

  std::shared_ptr<Shared> state_;
};

}  // namespace coterie
