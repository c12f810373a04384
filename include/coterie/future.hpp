#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "coterie/core/callable_id.hpp"
#include "coterie/core/leaf.hpp"
#include "coterie/core/linked_list.hpp"
#include "coterie/core/loop_bound.hpp"
#include "coterie/loop.hpp"
#include "coterie/outcome.hpp"
#include "coterie/spawn.hpp"

namespace coterie {

/// A result that some other task or callback of the same loop will set, once: asyncio.Future. A copyable
/// handle; all copies mean the same future. Loop thread only: from another thread see Completion. Where who
/// sets it may go away without doing so, give it a Promise.
///
/// Awaiting gives `const T&` (valid while a handle is kept) to any number of tasks; awaiting a temporary or
/// moved handle gives a T: a copy, or, where it cannot be copied, the value itself, once. Cancelling a task
/// that awaits it cancels the future, and so every task that awaits it. It belongs to the loop of the first
/// task or callback that waits for it: InvalidState for those of another. An exception that nobody retrieved
/// is reported when the last handle goes.
template <class T = void>
class [[nodiscard("a Future that nobody keeps is never awaited")]] Future {
  struct Shared;

 public:
  Future() : shared_(std::make_shared<Shared>()) {}

  /// InvalidState when it is done already. In debug mode, std::logic_error on another thread than that of the
  /// loop on which somebody waits: see LoopBound.
  template <class... Args>
  void set_value(Args&&... args) const {
    require_pending();
    shared_->outcome.set_value(std::forward<Args>(args)...);
    shared_->settle();
  }
  /// std::invalid_argument when `error` is null.
  void set_exception(std::exception_ptr error) const {
    detail::require_exception(error, "Future::set_exception()");
    require_pending();
    shared_->outcome.set_exception(std::move(error));
    shared_->unretrieved = true;
    shared_->settle();
  }
  /// For results that may come too late: false, and nothing changes, when it was cancelled; InvalidState when
  /// it has another end. (asyncio.futures._set_result_unless_cancelled)
  template <class... Args>
  bool set_value_unless_cancelled(Args&&... args) const {
    if (cancelled()) return false;
    set_value(std::forward<Args>(args)...);
    return true;
  }
  /// At once: the future is cancelled when this returns. False when it was done.
  bool cancel(std::string message = {}) const {
    shared_->check_thread();
    return shared_->cancel(message.empty() ? nullptr
                                           : std::make_shared<const std::string>(std::move(message)));
  }
  [[nodiscard]] bool done() const noexcept { return !shared_->outcome.empty(); }
  [[nodiscard]] bool cancelled() const noexcept { return shared_->outcome.cancelled(); }
  std::add_lvalue_reference_t<const T> result() const {
    if (!done()) throw InvalidState("the future has no result yet: await it");
    return std::as_const(shared_->retrieved()).get();
  }
  /// Null for a value; throws `Cancelled` when cancelled, InvalidState while pending.
  [[nodiscard]] std::exception_ptr exception() const {
    if (!done()) throw InvalidState("the future has no result yet: await it");
    shared_->unretrieved = false;
    if (cancelled()) (void)shared_->outcome.get();
    return shared_->outcome.error();
  }
  /// Runs `fn(Future)` on the loop that runs now, one tick after it is done, in order of registration with
  /// the tasks that await it, and in a copy of the context of this call. Dropped when that loop has closed by
  /// then. A callable may be added repeatedly.
  template <class Fn>
  void add_done_callback(Fn fn, std::source_location where = std::source_location::current()) const {
    shared_->bind(WaitKind::future);
    if (done())
      EventLoop::current().call_soon([future = *this, call = std::move(fn)]() mutable { call(future); },
                                     where);
    else
      Callback<Fn>::add(*shared_, std::move(fn), where);
  }
  /// Removes every callback that equals `fn` (a function, or an object with operator==) and says how many
  /// those were. What is queued already runs nevertheless.
  template <class Fn>
  std::size_t remove_done_callback(const Fn& fn) const {
    const std::decay_t<const Fn&>& callable = fn;
    return shared_->remove(detail::CallableId(callable));
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
  struct Waiter : ListNode {
    virtual void ready() noexcept = 0;
    [[nodiscard]] virtual bool outlives_loop() const noexcept { return false; }

   protected:
    ~Waiter() = default;
  };
  struct AnyCallback : Waiter {
    /// Kept by itself as long as it is registered.
    std::shared_ptr<AnyCallback> self;
    [[nodiscard]] virtual bool equals(const detail::CallableId& callable) const = 0;
    void withdraw() noexcept {
      this->unlink();
      self.reset();
    }

   protected:
    ~AnyCallback() = default;
  };
  struct Shared : std::enable_shared_from_this<Shared>, LoopBound {
    Outcome<T> outcome;
    bool unretrieved = false;
    bool moved = false;
    LinkedList<Waiter> waiters;

    Shared() = default;
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    using LoopBound::bind;
    ~Shared() {
      for (const auto& callback : callbacks()) callback->withdraw();
      if (unretrieved)
        EventLoop::report_anywhere(ErrorContext("Future exception was never retrieved", outcome.error()));
    }
    /// InvalidState when the value was moved out.
    Outcome<T>& retrieved() {
      if (moved) throw InvalidState("the result of this future was moved out before");
      unretrieved = false;
      return outcome;
    }
    T share() {
      if constexpr (detail::copies<T>) {
        return std::as_const(retrieved()).get();
      } else {
        (void)retrieved().get();  // what it threw stays for others
        moved = true;
        return std::move(outcome).get();
      }
    }
    void check_thread() {
      if (!watched()) [[likely]]
        return;
      const Waiter* waiter = waiters.first();  // the others are of the same loop
      LoopBound::check_thread(waiter != nullptr && !waiter->outlives_loop());
    }
    void settle() noexcept {
      while (Waiter* waiter = waiters.pop_front()) waiter->ready();
    }
    bool cancel(const CancelMessage& message) {
      unretrieved = false;
      if (!outcome.empty()) return false;
      outcome.set_exception(std::make_exception_ptr(Cancelled(message)), true);
      settle();
      return true;
    }
    [[nodiscard]] std::vector<std::shared_ptr<AnyCallback>> callbacks() const {
      std::vector<std::shared_ptr<AnyCallback>> result;
      for (Waiter* waiter = waiters.first(); waiter != nullptr; waiter = waiters.next(*waiter))
        if (auto* callback = dynamic_cast<AnyCallback*>(waiter)) result.push_back(callback->self);
      return result;
    }
    /// The comparison may do anything, to this list too: so it walks what stood there at first.
    std::size_t remove(const detail::CallableId& callable) {
      std::size_t removed = 0;
      for (const auto& callback : callbacks()) {
        if (!callback->linked() || !callback->equals(callable) || !callback->linked()) continue;
        callback->withdraw();
        ++removed;
      }
      return removed;
    }
  };
  template <class Fn>
  struct Callback final : AnyCallback {
    Callback(Shared& future, Fn callable, std::source_location origin)
        : owner(&future),
          call(std::move(callable)),
          loop(&EventLoop::current()),
          inbox(loop->inbox()),
          where(origin) {}
    static void add(Shared& future, Fn callable, std::source_location where) {
      auto callback = std::make_shared<Callback>(future, std::move(callable), where);
      future.waiters.push_back(*callback);
      callback->self = callback;
    }
    void ready() noexcept override {
      const auto keep = std::move(this->self);
      // The future may outlive the loop, and be settled while the loop does not run.
      const detail::ContextScope scope(context);
      if (const auto box = inbox.lock(); box && box->open())
        loop->call_soon(
            [future = Future(owner->shared_from_this()), call = std::move(call)]() mutable { call(future); },
            where);
    }
    [[nodiscard]] bool outlives_loop() const noexcept override {
      const auto box = inbox.lock();
      return !box || !box->open();
    }
    [[nodiscard]] bool equals(const detail::CallableId& callable) const override { return callable.is(call); }
    Shared* owner;
    Fn call;
    EventLoop* loop;
    std::weak_ptr<Inbox> inbox;
    std::source_location where;
    detail::ContextSlot context = detail::ContextSlot::capture();
  };

  class FutureLeaf : public Leaf, private Waiter {
   public:
    explicit FutureLeaf(std::shared_ptr<Shared> shared)
        : Leaf(WaitKind::future, shared.get()), shared_(std::move(shared)) {}
    bool await_ready() const noexcept { return !shared_->outcome.empty(); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      shared_->bind(WaitKind::future);
      shared_->waiters.push_back(*this);
      suspend(caller);
    }
    Leaf::CancelReply cancel(const CancelMessage& message) override {
      shared_->cancel(message);
      return Leaf::CancelReply::passed_on;
    }

   protected:
    ~FutureLeaf() = default;
    Shared& delivered() {
      shared_->unretrieved = false;
      this->deliver();
      return *shared_;
    }

   private:
    void ready() noexcept override { this->wake(); }
    std::exception_ptr target_cancel() noexcept override {
      return shared_->outcome.cancelled() ? shared_->outcome.error() : nullptr;
    }
    std::shared_ptr<Shared> shared_;
  };

 public:
  class Awaiter final : public FutureLeaf {
   public:
    using FutureLeaf::FutureLeaf;
    std::add_lvalue_reference_t<const T> await_resume() {
      return std::as_const(this->delivered().retrieved()).get();
    }
  };
  class ShareAwaiter final : public FutureLeaf {
   public:
    using FutureLeaf::FutureLeaf;
    T await_resume() { return this->delivered().share(); }
  };
  [[nodiscard]] Awaiter operator co_await() const& { return Awaiter(shared_); }
  [[nodiscard]] ShareAwaiter operator co_await() && { return ShareAwaiter(shared_); }

 private:
  explicit Future(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  void require_pending() const {
    if (done()) throw InvalidState("the future has a result already");
    shared_->check_thread();
  }
  std::shared_ptr<Shared> shared_;
};

}  // namespace coterie
