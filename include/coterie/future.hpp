#pragma once
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "coterie/core/leaf.hpp"
#include "coterie/loop.hpp"
#include "coterie/outcome.hpp"
#include "coterie/spawn.hpp"

namespace coterie {

/// A result that some other task or callback of the same loop will set, once: asyncio.Future. A copyable
/// handle; all copies mean the same future. Loop thread only: from another thread see Completion.
///
/// Awaiting gives `const T&` (valid while a handle is kept) to any number of tasks. Cancelling a task that
/// awaits it cancels the future, and so every task that awaits it. An exception that nobody retrieved is
/// reported when the last handle goes.
template <class T = void>
class Future {
  struct Shared;

 public:
  Future() : shared_(std::make_shared<Shared>()) {}

  /// InvalidState when it is done already.
  template <class... Args>
  void set_value(Args&&... args) const {
    require_pending();
    shared_->outcome.set_value(std::forward<Args>(args)...);
    shared_->settle();
  }
  void set_exception(std::exception_ptr error) const {
    require_pending();
    shared_->outcome.set_exception(std::move(error));
    shared_->unretrieved = true;
    shared_->settle();
  }
  /// At once: the future is cancelled when this returns. False when it was done.
  bool cancel(std::string message = {}) const {
    return shared_->cancel(message.empty() ? nullptr
                                           : std::make_shared<const std::string>(std::move(message)));
  }
  [[nodiscard]] bool done() const noexcept { return !shared_->outcome.empty(); }
  [[nodiscard]] bool cancelled() const noexcept { return shared_->outcome.cancelled(); }
  std::add_lvalue_reference_t<const T> result() const {
    if (!done()) throw InvalidState("the future has no result yet: await it");
    shared_->unretrieved = false;
    return std::as_const(shared_->outcome).get();
  }
  /// Null for a value; throws `Cancelled` when cancelled, InvalidState while pending.
  [[nodiscard]] std::exception_ptr exception() const {
    if (!done()) throw InvalidState("the future has no result yet: await it");
    shared_->unretrieved = false;
    if (cancelled()) (void)shared_->outcome.get();
    return shared_->outcome.error();
  }
  /// Runs `fn(Future)` on the loop that runs now, one tick after it is done, in order of registration with
  /// the tasks that await it. Dropped when that loop has closed by then.
  template <class Fn>
  void add_done_callback(Fn fn) const {
    struct Callback final : Waiter {
      Callback(Shared* future, Fn callable)
          : owner(future), call(std::move(callable)), loop(&EventLoop::current()), inbox(loop->inbox()) {}
      void ready() noexcept override {
        // The future may outlive the loop, and be settled while the loop does not run.
        if (const auto box = inbox.lock(); box && box->open())
          loop->call_soon([future = Future(owner->shared_from_this()), call = std::move(call)]() mutable {
            call(future);
          });
        delete this;
      }
      void abandoned() noexcept override { delete this; }
      Shared* owner;
      Fn call;
      EventLoop* loop;
      std::weak_ptr<Inbox> inbox;
    };
    if (done())
      EventLoop::current().call_soon([future = *this, call = std::move(fn)]() mutable { call(future); });
    else
      shared_->waiters.push_back(new Callback(shared_.get(), std::move(fn)));
  }
  friend bool operator==(const Future&, const Future&) = default;
  /// The same for all copies: what WaitInfo::object says of a task that awaits it.
  [[nodiscard]] const void* id() const noexcept { return shared_.get(); }
  /// For the runtime: refers to a future and does not keep it.
  class Weak {
   public:
    explicit Weak(const Future& future) noexcept : shared_(future.shared_) {}
    /// Empty when every handle has gone.
    [[nodiscard]] std::optional<Future> lock() const {
      auto shared = shared_.lock();
      return shared ? std::optional<Future>(Future(std::move(shared))) : std::nullopt;
    }

   private:
    std::weak_ptr<Shared> shared_;
  };

 private:
  struct Waiter {
    virtual void ready() noexcept = 0;
    virtual void abandoned() noexcept {}

   protected:
    ~Waiter() = default;
  };
  struct Shared : std::enable_shared_from_this<Shared> {
    Outcome<T> outcome;
    bool unretrieved = false;
    std::vector<Waiter*> waiters;

    Shared() = default;
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() {
      for (Waiter* waiter : waiters) waiter->abandoned();
      if (unretrieved)
        EventLoop::report_anywhere(ErrorContext("Future exception was never retrieved", outcome.error()));
    }
    void settle() noexcept {
      for (Waiter* waiter : std::exchange(waiters, {})) waiter->ready();
    }
    bool cancel(const CancelMessage& message) {
      unretrieved = false;
      if (!outcome.empty()) return false;
      outcome.set_exception(std::make_exception_ptr(Cancelled(message)), true);
      settle();
      return true;
    }
  };

 public:
  class Awaiter final : public Leaf, private Waiter {
   public:
    explicit Awaiter(std::shared_ptr<Shared> shared)
        : Leaf(WaitKind::future, shared.get()), shared_(std::move(shared)) {}
    ~Awaiter() {
      if (waiting()) std::erase(shared_->waiters, static_cast<Waiter*>(this));
    }
    bool await_ready() const noexcept { return !shared_->outcome.empty(); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      shared_->waiters.push_back(this);
      suspend(caller);
    }
    std::add_lvalue_reference_t<const T> await_resume() {
      shared_->unretrieved = false;
      deliver();
      return std::as_const(shared_->outcome).get();
    }
    Leaf::CancelReply cancel(const CancelMessage& message) override {
      shared_->cancel(message);
      return Leaf::CancelReply::passed_on;
    }

   private:
    void ready() noexcept override { wake(); }
    std::exception_ptr target_cancel() noexcept override {
      return shared_->outcome.cancelled() ? shared_->outcome.error() : nullptr;
    }
    std::shared_ptr<Shared> shared_;
  };
  [[nodiscard]] Awaiter operator co_await() const { return Awaiter(shared_); }

 private:
  explicit Future(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  void require_pending() const {
    if (done()) throw InvalidState("the future has a result already");
  }
  std::shared_ptr<Shared> shared_;
};

}  // namespace coterie
