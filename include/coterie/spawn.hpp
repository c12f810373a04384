#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/core/leaf.hpp"
#include "coterie/core/task_callback.hpp"
#include "coterie/loop.hpp"
#include "coterie/spawn_options.hpp"
#include "coterie/task.hpp"
#include "coterie/task_ref.hpp"

namespace coterie {

/// Using a task or a primitive against its rules: awaiting oneself, reading a result that is not there yet.
class InvalidState : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace detail {

template <class>
inline constexpr bool never = false;

/// InvalidState when the current task must not wait for `target`: for itself, or for one of another loop.
void check_awaitable(const TaskRec& target);

/// A task's record with room for its outcome.
template <class T>
class TaskState final : public TaskRec {
 public:
  /// Returns a record that the loop owns; whoever keeps it adds a reference.
  /// `options`: null for none; name and context are moved from.
  template <class How>
  static TaskState* spawn_on(EventLoop& loop, Task<T, How> body, SpawnOptions* options = nullptr) {
    auto* state = new TaskState;
    state->start(loop, body.release(), options);
    return state;
  }
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept { free_frame(block, bytes); }

  [[nodiscard]] Outcome<T>& outcome() noexcept { return outcome_; }
  [[nodiscard]] std::exception_ptr error() const noexcept override { return outcome_.error(); }
  /// To look at; InvalidState when the value was moved out.
  [[nodiscard]] Outcome<T>& kept() {
    if (result_moved_) throw InvalidState("the result of task '" + name() + "' was moved out before");
    return outcome_;
  }
  /// The value moves out, once; an exception or a cancel stays for others.
  [[nodiscard]] Outcome<T> take() {
    Outcome<T>& end = kept();
    if (end.has_value()) {
      result_moved_ = true;
      return std::move(end);
    }
    Outcome<T> error;
    error.set_exception(end.error(), end.cancelled());
    return error;
  }
  /// For one of several who ask: a copy; a value that cannot be copied moves out, once.
  [[nodiscard]] Outcome<T> share() {
    if constexpr (copies<T>)
      return kept();
    else
      return take();
  }

 private:
  TaskState() = default;
  ~TaskState() = default;
  OutcomeKind take_outcome(Frame& root) noexcept override {
    outcome_ = std::move(static_cast<ResultPromise<T>&>(root).outcome());
    return outcome_.kind();
  }
  void set_cancelled(std::exception_ptr error) noexcept override {
    outcome_.set_exception(std::move(error), true);
  }
  void destroy() noexcept override {
    if (outcome_.has_exception() && !retrieved()) report_never_retrieved();
    delete this;
  }

  Outcome<T> outcome_;
};

/// Waits for a task. A cancel of the waiter goes on to the task, and the waiter stays until that has ended.
class JoinLeaf : public Leaf, private DoneHook {
 public:
  explicit JoinLeaf(TaskRec& target) noexcept : Leaf(WaitKind::task, &target), target_(&target) {
    target.add_ref();
  }
  ~JoinLeaf() {
    unhook();
    target_->release();
  }
  bool await_ready() const noexcept { return target_->done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    check_awaitable(*target_);
    target_->add_hook(*this);
    suspend(caller);
  }
  CancelReply cancel(const CancelMessage&) override { return CancelReply::refused; }
  [[nodiscard]] TaskRec* cancel_target() noexcept override { return target_; }
  void pass_on_class(std::vector<TaskRec*>& targets) noexcept override { targets.push_back(target_); }

 protected:
  /// The task has ended and the waiter goes on with its outcome, unless it was cancelled itself meanwhile.
  void deliver_join() {
    target_->mark_retrieved();
    deliver();
  }
  [[nodiscard]] TaskRec& target() const noexcept { return *target_; }

 private:
  void task_done(TaskRec&) noexcept override { wake(); }
  std::exception_ptr target_cancel() noexcept override {
    target_->mark_retrieved();
    return cancel_of(*target_);
  }
  [[nodiscard]] WaitingTask waiting_task() const noexcept override { return {Leaf::task(), this}; }
  TaskRec* target_;
};

template <class T>
class JoinAwaiter final : public JoinLeaf {
 public:
  explicit JoinAwaiter(TaskState<T>& state) noexcept : JoinLeaf(state) {}
  std::add_lvalue_reference_t<const T> await_resume() {
    deliver_join();
    return std::as_const(state().kept()).get();
  }
  Outcome<T> take_outcome() {
    deliver_join();
    return state().kept();
  }

 private:
  TaskState<T>& state() const noexcept { return static_cast<TaskState<T>&>(target()); }
};

template <class T>
class MoveAwaiter final : public JoinLeaf {
 public:
  explicit MoveAwaiter(TaskState<T>& state) noexcept : JoinLeaf(state) {}
  T await_resume() { return take_outcome().get(); }
  Outcome<T> take_outcome() {
    deliver_join();
    return static_cast<TaskState<T>&>(target()).take();
  }
};

/// Waits for a task's end without a claim to it: a cancel of the waiter leaves the task alone.
class WaitAwaiter final : public Leaf, private DoneHook {
 public:
  explicit WaitAwaiter(TaskRec& target) noexcept : Leaf(WaitKind::task, &target), target_(&target) {
    target.add_ref();
  }
  ~WaitAwaiter() {
    unhook();
    target_->release();
  }
  bool await_ready() const noexcept { return target_->done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    check_awaitable(*target_);
    target_->add_hook(*this);
    suspend(caller);
  }
  void await_resume() { deliver(); }
  CancelReply cancel(const CancelMessage&) override {
    unhook();
    return CancelReply::detached;
  }
  void pass_on_class(std::vector<TaskRec*>& targets) noexcept override { targets.push_back(target_); }

 private:
  void task_done(TaskRec&) noexcept override { wake(); }
  [[nodiscard]] WaitingTask waiting_task() const noexcept override { return {Leaf::task(), this}; }
  TaskRec* target_;
};

}  // namespace detail

/// Refers to a task. Copyable; belongs to the task's loop and thread. Dropping the last one detaches the
/// task: the loop keeps it until it has ended, and an error that nobody retrieved is then reported.
template <class T = void>
class JoinHandle {
 public:
  using value_type = T;

  JoinHandle() noexcept = default;
  /// For the runtime: adds a reference.
  explicit JoinHandle(detail::TaskState<T>& state) noexcept : state_(&state) { state.add_ref(); }
  JoinHandle(const JoinHandle& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->add_ref();
  }
  JoinHandle(JoinHandle&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  JoinHandle& operator=(JoinHandle other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~JoinHandle() {
    if (state_ != nullptr) state_->release();
  }

  /// Awaiting a handle gives `const T&`, valid while any handle is kept; awaiting a moved or temporary handle
  /// moves the value out, once. Throws what the task threw, or `Cancelled` when it was cancelled. Cancelling
  /// the awaiter cancels the task and waits for its end, as in asyncio; see shield() and wait() for other
  /// ways.
  detail::JoinAwaiter<T> operator co_await() const& { return detail::JoinAwaiter<T>(state()); }
  detail::MoveAwaiter<T> operator co_await() && { return detail::MoveAwaiter<T>(state()); }
  /// Awaits the end, whatever it is: no value, no exception; a cancel of the awaiter leaves the task alone.
  [[nodiscard]] detail::WaitAwaiter wait() const { return detail::WaitAwaiter(state()); }

  /// Requests a cancel: `Cancelled` is thrown at the innermost await of the task, one tick from now, and goes
  /// up through its frames; tasks that it awaits are cancelled first. A task that has not started never runs.
  /// It is over only when the task has ended: await it. Two requests before the task ran are one delivery.
  /// False when the task has ended already. (asyncio.Task.cancel, CPython 3.14)
  bool cancel(std::string message = {}) const {
    return state().cancel(message.empty() ? nullptr
                                          : std::make_shared<const std::string>(std::move(message)));
  }
  /// How many requests have not been taken back.
  [[nodiscard]] std::uint32_t cancelling() const { return state().cancelling(); }
  /// Takes one request back, by whoever made it; at zero a cancel that was not delivered yet is withdrawn.
  std::uint32_t uncancel() const { return state().uncancel(); }

  [[nodiscard]] bool done() const { return state().done(); }
  [[nodiscard]] bool cancelled() const { return state().cancelled(); }
  /// The value; throws what the task threw, `Cancelled`, or InvalidState while it has not ended.
  std::add_lvalue_reference_t<const T> result() const {
    require_done();
    state().mark_retrieved();
    return std::as_const(state().kept()).get();
  }
  /// Null when it returned a value; throws `Cancelled` if it was cancelled, InvalidState while it has not
  /// ended.
  [[nodiscard]] std::exception_ptr exception() const {
    require_done();
    state().mark_retrieved();
    if (cancelled()) (void)state().outcome().get();
    return state().outcome().error();
  }
  /// Runs `fn(JoinHandle)` one tick after the end, in order of registration with other waiters, in a copy of
  /// the context of this call.
  template <class Fn>
  void add_done_callback(Fn fn, std::source_location where = std::source_location::current()) const {
    if (done())
      EventLoop::current().call_soon([handle = *this, call = std::move(fn)]() mutable { call(handle); },
                                     where);
    else
      detail::TaskCallback<JoinHandle, Fn>::add(state(), std::move(fn), where);
  }
  /// Removes every callback that equals `fn` (a function, or an object with operator==) and says how many
  /// those were. What is queued already runs nevertheless.
  template <class Fn>
  std::size_t remove_done_callback(const Fn& fn) const {
    const std::decay_t<const Fn&>& callable = fn;
    return detail::AnyTaskCallback::remove(state(), detail::CallableId(callable));
  }

  /// "Task-N" unless it was named.
  [[nodiscard]] std::string name() const { return state().name(); }
  void set_name(std::string name) const { state().set_name(std::move(name)); }
  /// Its own, without one that it inherits from who waits for it: see ReadyQueue.
  [[nodiscard]] SchedClass sched_class() const { return state().own_class(); }
  /// Where it runs.
  [[nodiscard]] EventLoop& loop() const { return state().loop(); }
  /// A copy of the context in which it runs.
  [[nodiscard]] Context context() const { return Context(state().context()); }
  /// Counts up from 1 in this process.
  [[nodiscard]] std::uint64_t id() const { return state().id(); }
  /// Its coroutines, innermost first, each with the line at which it waits; empty once it has ended. `limit`:
  /// > 0 keeps so many of the innermost, < 0 of the outermost. (asyncio.Task.get_stack, but the whole chain)
  [[nodiscard]] Stack stack(std::optional<int> limit = std::nullopt) const { return state().stack(limit); }
  [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }
  friend bool operator==(const JoinHandle&, const JoinHandle&) = default;
  /// The task without its type: for lists of tasks of several types, as wait() takes them.
  // NOLINTNEXTLINE(google-explicit-constructor)
  operator TaskRef() const { return TaskRef(state()); }

  /// For the runtime: of a task that is known to give a T.
  [[nodiscard]] static JoinHandle of(TaskRec& task) {
    return JoinHandle(static_cast<detail::TaskState<T>&>(task));
  }
  /// For the runtime.
  [[nodiscard]] detail::TaskState<T>& state() const {
    if (state_ == nullptr)
      throw InvalidState("this JoinHandle refers to no task: it was moved from or never set");
    return *state_;
  }

 private:
  void require_done() const {
    if (!done()) throw InvalidState("task '" + name() + "' has not ended: await it");
  }
  detail::TaskState<T>* state_ = nullptr;
};

namespace detail {
/// Cancels the task when `token` is requested, until it has ended. The task's loop's thread, or before that
/// runs.
void cancel_on_stop(std::stop_token token, TaskRec& task);

/// A new task for a bare coroutine. Only for callers that join it before their own frame unwinds: what the
/// coroutine refers to must outlive it.
template <class T, class How>
JoinHandle<T> spawn_borrowing(Task<T, How> body) {
  return JoinHandle<T>(*TaskState<T>::spawn_on(EventLoop::current(), std::move(body)));
}
template <class T, class How>
JoinHandle<T> spawn_borrowing(Task<T, How> body, SpawnOptions options) {
  JoinHandle<T> task(*TaskState<T>::spawn_on(EventLoop::current(), std::move(body), &options));
  if (options.stop_token_value().stop_possible()) [[unlikely]]
    cancel_on_stop(options.stop_token_value(), task.state());
  return task;
}

/// Runs the first step of a task that was just spawned, if it is to start eagerly.
inline void start_if_eager(TaskRec& task, std::optional<bool> eager) {
  if (eager.value_or(task.loop().eager_start()) && task.loop().running()) [[unlikely]]
    task.run_eagerly();
}
}  // namespace detail

/// Starts `fn(args...)`, which must return Task<T>, as a task of its own: it runs one tick later,
/// concurrently with its creator, whose class it inherits (asyncio.create_task, CPython 3.14).
///
/// The task may outlive its caller, so it owns what it uses: `fn` and decayed copies of `args` (pass std::ref
/// for what is sure to live longer). Lambdas with captures are owned too; with gcc 12 give such a lambda a
/// name first, for it destroys the temporary twice where the statement awaits. Needs a running loop.
///
/// Where it starts eagerly (SpawnOptions::eager(), EventLoop::set_eager_start()) it runs up to its first
/// suspension before spawn() returns, in its own context, and may have ended by then. What it throws is its
/// own affair, as always; only `Fatal` comes out of spawn() too.
template <class Fn, class... Args>
  requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
auto spawn(SpawnOptions options, Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  const std::optional<bool> eager = options.eager_value();
  auto task = detail::spawn_borrowing(
      detail::make_owning_task(std::forward<Fn>(fn), std::forward<Args>(args)...), std::move(options));
  detail::start_if_eager(task.state(), eager);
  return task;
}
template <class Fn, class... Args>
  requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
auto spawn(Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  auto task =
      detail::spawn_borrowing(detail::make_owning_task(std::forward<Fn>(fn), std::forward<Args>(args)...));
  detail::start_if_eager(task.state(), std::nullopt);
  return task;
}

/// Refused: the arguments of a coroutine that was called here already may refer to this frame, which the task
/// may outlive.
template <class T, class How>
void spawn(Task<T, How>) {
  static_assert(
      detail::never<T>,
      "give the function and its arguments, so that the task owns them: spawn(f, x), not spawn(f(x))");
}

}  // namespace coterie
