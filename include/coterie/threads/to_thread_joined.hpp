#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "coterie/threads/thread_call.hpp"

namespace coterie {
namespace detail {

/// The call of to_thread_joined(). Where it stands decides who may touch it:
///
///     queued ──▶ running ──▶ settled         the pool's thread: running; the awaiter: the others
///        └─────▶ given up
template <class T, class Call>
struct JoinedCall final : Settlement {
  enum class State : unsigned char { queued, running, given_up };
  template <class... A>
  explicit JoinedCall(A&&... args) : call(std::in_place, std::forward<A>(args)...) {}
  /// Exactly one of the two succeeds with one of these.
  bool claim(State next) noexcept {
    State queued = State::queued;
    return state.compare_exchange_strong(queued, next, std::memory_order_acq_rel);
  }
  std::optional<Call> call;
  std::atomic<State> state{State::queued};
  Outcome<T> outcome;
};

template <class T, class Call>
class JoinedWork final : public ThreadPool::Work {
 public:
  using Shared = JoinedCall<T, Call>;
  explicit JoinedWork(std::shared_ptr<Shared> shared) noexcept : shared_(std::move(shared)) {}
  ~JoinedWork() override {
    if (!shared_->claim(Shared::State::running)) return;
    shared_->settle([&] { shared_->outcome.set_exception(pool_was_shut_down()); });
  }
  void run() noexcept override {
    if (!shared_->claim(Shared::State::running)) return;
    Outcome<T> end = shared_->call->template call<T>();
    shared_->call.reset();
    shared_->settle([&] { shared_->outcome = std::move(end); });
  }

 private:
  std::shared_ptr<Shared> shared_;
};

template <class T, class Call>
class JoinedAwaiter final : public SettlementLeaf {
  using Shared = JoinedCall<T, Call>;

 public:
  JoinedAwaiter(ThreadPool& pool, std::stop_source stop, std::shared_ptr<Shared> shared)
      : SettlementLeaf(WaitKind::thread, *shared),
        pool_(&pool),
        stop_(std::move(stop)),
        shared_(std::move(shared)) {}
  ~JoinedAwaiter() {
    leave();
    if (give_up()) return;
    stop_.request_stop();  // the loop closes by force: what the thread refers to must not go before it has
                           // ended
    shared_->block(std::nullopt);
  }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    SettlementLeaf::await_suspend(caller);
    if (!waiting()) return;  // cancelled before it began
    try {
      pool_->submit(std::make_unique<JoinedWork<T, Call>>(shared_));
    } catch (...) {
      shared_->settle([&] { shared_->outcome.set_exception(std::current_exception()); });
    }
  }
  T await_resume() {
    deliver();
    return std::move(shared_->outcome).get();
  }
  CancelReply cancel(const CancelMessage&) override {
    if (give_up()) {
      leave();
      return CancelReply::detached;
    }
    stop_.request_stop();
    return CancelReply::refused;
  }

 private:
  /// The thread will not run it, now or before.
  bool give_up() noexcept {
    if (shared_->claim(Shared::State::given_up)) shared_->call.reset();
    return shared_->state.load(std::memory_order_relaxed) == Shared::State::given_up;
  }
  ThreadPool* pool_;
  std::stop_source stop_;
  std::shared_ptr<Shared> shared_;
};

template <class Fn, class... Args>
auto joined_call(ThreadPool& pool, Fn&& fn, Args&&... args) {
  using T = thread_result_t<Fn, Args...>;
  static_assert(runs_on_thread<T>,
                "the pool runs plain functions: a coroutine belongs on the loop, co_await it");
  if constexpr (takes_stop_token<Fn, Args...>) {
    using Call = BoundCall<Fn, std::stop_token, Args...>;
    std::stop_source stop;
    auto shared = std::make_shared<JoinedCall<T, Call>>(std::forward<Fn>(fn), stop.get_token(),
                                                        std::forward<Args>(args)...);
    return JoinedAwaiter<T, Call>(pool, std::move(stop), std::move(shared));
  } else {
    using Call = BoundCall<Fn, Args...>;
    auto shared = std::make_shared<JoinedCall<T, Call>>(std::forward<Fn>(fn), std::forward<Args>(args)...);
    return JoinedAwaiter<T, Call>(pool, std::stop_source(std::nostopstate), std::move(shared));
  }
}

}  // namespace detail

/// Runs `fn(args...)` on `pool`, as to_thread_on(), and never lets the caller go on before it has ended: so
/// `fn` and `args` may be, and refer to, locals of the caller. Lvalues are passed by reference, temporaries
/// moved.
///
/// A cancel of the awaiting task before the work has begun is delivered at once and the work never runs.
/// Later it waits until the function has returned and is then thrown instead of the result; a function that
/// takes a std::stop_token before `args` hears of it at once. A loop that closes by force blocks until the
/// function has returned. Submitted by the await; where the pool is shut down first, std::runtime_error is
/// thrown.
template <class Fn, class... Args>
[[nodiscard("await it in the same statement")]] auto to_thread_joined_on(ThreadPool& pool, Fn&& fn,
                                                                         Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return detail::joined_call<Fn, Args...>(pool, std::forward<Fn>(fn), std::forward<Args>(args)...);
}
/// On the process's shared pool.
template <class Fn, class... Args>
[[nodiscard("await it in the same statement")]] auto to_thread_joined(Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return detail::joined_call<Fn, Args...>(ThreadPool::shared(), std::forward<Fn>(fn),
                                          std::forward<Args>(args)...);
}

}  // namespace coterie
