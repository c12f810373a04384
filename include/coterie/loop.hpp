#pragma once
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "coterie/core/callback.hpp"
#include "coterie/core/class_times.hpp"
#include "coterie/core/duration.hpp"
#include "coterie/core/error_context.hpp"
#include "coterie/core/frame.hpp"
#include "coterie/core/inbox.hpp"
#include "coterie/core/stamp.hpp"
#include "coterie/core/task_rec.hpp"
#include "coterie/core/threadsafe_handle.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/poller.hpp"
#include "coterie/ready_queue.hpp"

namespace coterie {

namespace detail {
class ClassMeter;
class LoopRegistry;
}  // namespace detail

struct LoopOptions {
  /// I/O is looked at and the clock read when nothing is ready, or after so many ticks…
  std::uint32_t ticks_per_poll = 64;
  /// …or steps, whichever comes first, also in the middle of a tick: this is how many steps what has happened
  /// outside, or a timer that is due, waits at most until it is queued. Smaller: less latency under load;
  /// larger: fewer system calls. 0 counts as 1.
  std::uint32_t steps_per_poll = 1024;
  /// Looks for mistakes, see EventLoop::set_debug(). By default where the environment says COTERIE_DEBUG=1.
  bool debug = debug_by_environment();
  /// In debug mode a callback or a task's step that takes so long, by the loop's clock, is reported: it kept
  /// everything else waiting. The default is asyncio's.
  Duration slow_callback_duration = std::chrono::milliseconds(100);
  /// The same without debug mode, for production. Duration::max(): nothing is looked at. Costs two looks at
  /// the clock a step.
  Duration long_step = Duration::max();
  /// Keeps EventLoop::class_times(). Costs a look at the clock a step, and one for each class that becomes
  /// ready.
  bool class_times = false;

  /// See EventLoop::set_eager_start().
  bool eager_start = false;
  /// Makes the scheduling policy of a loop, see ReadyQueue; null: first in, first out.
  std::function<std::unique_ptr<ReadyQueue>()> policy;

  LoopOptions() = default;
  [[nodiscard]] static bool debug_by_environment() noexcept;
};

/// A loop of one thread that runs tasks and callbacks: asyncio's event loop.
///
/// One *tick* is one pass over exactly what was ready at its start. It makes no system call and reads no
/// clock; I/O and timers are looked at between ticks, and in the middle of one that is very long, see
/// LoopOptions. Order within a tick: what was queued before, then I/O, then timers that are due, by deadline
/// and then by the order of their arming.
///
/// All members belong to the loop's thread but `call_soon_threadsafe()`, `post()`, `inbox()`,
/// `current_task()` and `class_times()`.
class EventLoop {
 public:
  /// `ready`: the scheduling policy; null is what the options say.
  explicit EventLoop(std::unique_ptr<Poller> poller, std::unique_ptr<ReadyQueue> ready = nullptr,
                     LoopOptions options = {});
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  /// The loop that runs on this thread; throws std::logic_error when none does (asyncio.get_running_loop).
  [[nodiscard]] static EventLoop& current() {
    if (EventLoop* loop = current_or_null()) [[likely]]
      return *loop;
    throw_none_runs();
  }
  [[nodiscard]] static EventLoop* current_or_null() noexcept { return of_this_thread_; }

  [[nodiscard]] TimePoint now() noexcept { return poller_->now(); }
  /// The time when it last looked around. Reads no clock.
  [[nodiscard]] Stamp stamp() const noexcept { return stamp_; }
  [[nodiscard]] Poller& poller() noexcept { return *poller_; }
  /// The scheduling policy; null is first in, first out.
  [[nodiscard]] ReadyQueue* policy() noexcept { return policy_.get(); }
  /// The scheduling class of the step that runs now; 0 between two.
  [[nodiscard]] SchedClass current_class() const noexcept { return current_class_; }
  /// What each scheduling class that has been queued has had of this loop, by class. Empty without
  /// LoopOptions::class_times. Any thread, also while a step runs that does not end.
  [[nodiscard]] std::vector<ClassTimes> class_times() const;

  /// Runs `fn()` one tick later, first in, first out. What it throws goes to the exception handler. The
  /// handle can cancel it; dropping the handle does not.
  template <class Fn>
  CallbackHandle call_soon(Fn&& fn, std::source_location where = std::source_location::current()) {
    auto handle = CallbackHandle::make(*this, where, std::forward<Fn>(fn));
    handle.queue();
    return handle;
  }
  /// Runs `fn()` at `when`, never earlier; what is due at the same time runs in the order of these calls. A
  /// time that has passed is due now, behind what is earlier.
  template <class Fn>
  CallbackHandle call_at(TimePoint when, Fn&& fn,
                         std::source_location where = std::source_location::current()) {
    auto handle = CallbackHandle::make(*this, where, std::forward<Fn>(fn));
    handle.arm(when);
    return handle;
  }
  /// The same, from now; NaN is std::invalid_argument.
  template <class Rep, class Period, class Fn>
  CallbackHandle call_later(std::chrono::duration<Rep, Period> delay, Fn&& fn,
                            std::source_location where = std::source_location::current()) {
    return call_at(now() + detail::to_duration(delay), std::forward<Fn>(fn), where);
  }
  /// As call_soon(), from any thread. Order is kept: per calling thread, and between a callback that another
  /// thread has queued and whatever this loop's thread queues after that. The handle is for any thread too;
  /// it is empty when the loop has closed, and `fn` is then destroyed by the caller's thread. Else `fn` is
  /// destroyed by the loop's. To call a loop that may be gone, keep its inbox().
  template <class Fn>
  ThreadsafeHandle call_soon_threadsafe(Fn&& fn,
                                        std::source_location where = std::source_location::current()) {
    return ThreadsafeHandle::post(*this, where, std::forward<Fn>(fn));
  }
  /// Any thread. False when the loop has closed: `item` is dropped.
  bool post(PostedPtr item);
  [[nodiscard]] const std::shared_ptr<Inbox>& inbox() const noexcept { return inbox_; }

  /// Runs until stop(). Throws std::logic_error when this or another loop already runs on this thread, and
  /// `Fatal` when a task or a callback ended with it. To run a loop for one task see run_until_complete().
  void run_forever();
  /// Runs until `done()` is true, which is asked between ticks.
  template <class Done>
  void run_until(Done done) {
    Running guard(*this);
    while (!done()) {
      tick();
      if (stopping_) break;
    }
    guard.leave();
  }
  /// The tick that runs now is the last one.
  void stop() noexcept { stopping_ = true; }
  /// Cancels every task once and runs until they have ended, at most `limit`; what ignores the cancel is then
  /// returned by name, its frames still alive. Exceptions of the tasks go to the exception handler.
  std::vector<std::string> cancel_all_and_run(Duration limit);
  /// Cancels the tasks that are there now and runs until those have ended, at most `limit`. What is spawned
  /// meanwhile, here or from another thread, is served and not cancelled.
  void cancel_round(Duration limit);
  /// Destroys what is left: frames of tasks, newest first, callbacks and timers, without running them. What
  /// destructors of frames spawn, call or post meanwhile is taken and destroyed in its turn; calls from other
  /// threads are refused. Idempotent; std::logic_error while it runs.
  void close();
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] bool running() const noexcept { return running_.load(std::memory_order_relaxed); }
  /// It is inside cancel_all_and_run(): what ends as cancelled now probably does so because the loop stops.
  [[nodiscard]] bool stopping_tasks() const noexcept { return stopping_tasks_; }

  /// The task whose step runs now; null in a plain callback. Any thread may ask, to compare it with one that
  /// it knows; who is not the loop's thread must not look into it.
  [[nodiscard]] TaskRec* current_task() const noexcept { return current_.load(std::memory_order_relaxed); }
  /// The task whose step runs now on this thread's loop; throws std::logic_error outside of any.
  [[nodiscard]] static TaskRec& require_task() {
    if (TaskRec* task = current().current_task()) [[likely]]
      return *task;
    throw_no_task();
  }
  /// Tasks that have not ended, in order of their creation, from first_task() by TaskRec::next_task().
  [[nodiscard]] TaskRec* first_task() const noexcept { return first_task_; }
  [[nodiscard]] std::size_t task_count() const noexcept { return task_count_; }

  using ExceptionHandler = coterie::ExceptionHandler;
  /// Null: the default one, see set_default_exception_handler(). When the handler throws, the default one
  /// hears of both errors.
  void set_exception_handler(ExceptionHandler handler) { handler_ = std::move(handler); }
  [[nodiscard]] const ExceptionHandler& exception_handler() const noexcept { return handler_; }
  void report(const ErrorContext& context) noexcept;
  /// The same about a task, in whose context the handler then runs.
  void report(TaskRec& task, std::string message, std::exception_ptr error) noexcept;
  /// To the loop that runs on this thread; to the default handler when none does.
  static void report_anywhere(const ErrorContext& context) noexcept;

  /// Debug mode, asyncio's: it costs time and memory, and finds
  ///  * callbacks and steps of tasks that take long: "Executing <Task …> took 0.123 seconds", and where the
  ///    task stood then (`ErrorContext::stack`); LoopOptions::long_step finds those without debug mode;
  ///  * Tasks that are destroyed without having been awaited: "coroutine … was never awaited";
  ///  * call_soon(), call_at(), call_later(), spawning, cancelling, and waking at a primitive (see LoopBound)
  ///    from another thread than the one on which the loop runs: std::logic_error there;
  /// and reports say in which coroutines a task or a callback was made (`ErrorContext::created`). What it
  /// finds goes to the exception handler.
  void set_debug(bool on) noexcept;
  [[nodiscard]] bool debug() const noexcept { return options_.debug; }
  void set_slow_callback_duration(Duration limit) noexcept { options_.slow_callback_duration = limit; }

  /// Whether spawn(), also that of a group or a scope, and what spawn_on() brings here, runs a new task up to
  /// its first suspension before it returns: fewer ticks, above all for what does not suspend, and another
  /// order. SpawnOptions::eager() says it for one task. Bare Tasks that gather(), race(), shield() or a limit
  /// of zero turn into tasks start one tick later anyway. Eager tasks that start eager tasks nest on the
  /// native stack, like calls.
  /// (asyncio.eager_task_factory, CPython 3.14)
  void set_eager_start(bool on) noexcept { options_.eager_start = on; }
  [[nodiscard]] bool eager_start() const noexcept { return options_.eager_start; }

  // --- for the runtime's own awaitables
  // ----------------------------------------------------------------------
  void push(Runnable& node) noexcept {
    if (policy_ == nullptr) [[likely]]
      fifo_.push(node);
    else
      push_by_class(node);
  }
  void remove(Runnable& node) noexcept {
    if (policy_ == nullptr) [[likely]]
      fifo_.remove(node);
    else
      remove_by_class(node);
  }
  /// See ReadyQueue::inherits().
  [[nodiscard]] bool inherits() const noexcept { return inherits_; }
  /// Queued again where its task's class has changed; nothing when it is not queued.
  void requeue(Runnable& node) noexcept;
  /// Queues what other threads have posted so far.
  void receive() noexcept {
    if (!inbox_->empty()) take_posts();
  }
  void arm(Timer& timer, TimePoint when) {
    timer.set_sched_class(current_class_);
    timers_.push(timer, when);
  }
  /// Out of the heap or the ready queue, wherever it stands.
  void disarm(Timer& timer) noexcept {
    if (timer.armed()) timers_.remove(timer);
    if (timer.queued()) remove(timer);
  }
  /// The coroutine that goes on when the one that runs now has returned to the loop.
  void ascend_to(Frame& frame) noexcept { ascend_ = &frame; }
  /// The frame that would go on next is destroyed instead, and so are its callers up to the first that
  /// catches: that one finds the cancel in take_unwound(), first thing in its await_resume.
  void unwind_from(std::exception_ptr cancel) noexcept {
    unwinding_ = true;
    unwound_ = std::move(cancel);
  }
  [[nodiscard]] std::exception_ptr take_unwound() noexcept { return std::move(unwound_); }
  [[nodiscard]] std::size_t timer_count() const noexcept { return timers_.size(); }
  /// Ends the run with `fatal`; once, through however many tasks it goes.
  void leave_with(const std::exception_ptr& fatal) noexcept;
  /// std::logic_error when it is closed and, in debug mode, when it runs on another thread.
  void check_usable() const {
    if (closed_or_debug_) [[unlikely]]
      check_closed_and_thread();
  }
  /// In debug mode: the coroutines that run now, at most ten. Empty otherwise.
  [[nodiscard]] Stack debug_stack() const;
  /// std::logic_error when it is closed, or when a loop runs on this thread.
  void check_can_run() const;
  /// While it stands, what a callback spawns is spawned by `task`, which waits.
  class OnBehalfOf {
   public:
    explicit OnBehalfOf(TaskRec& task) noexcept;
    ~OnBehalfOf();
    OnBehalfOf(const OnBehalfOf&) = delete;
    OnBehalfOf& operator=(const OnBehalfOf&) = delete;

   private:
    EventLoop& loop_;
    TaskRec* before_;
  };

 private:
  friend class TaskRec;
  friend class detail::LoopRegistry;
  friend struct detail::DebugLayout;
  /// While it stands, this thread's loop is that one.
  class Current {
   public:
    explicit Current(EventLoop& loop) noexcept;
    ~Current();
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

   private:
    EventLoop* before_;
  };
  class Running {
   public:
    explicit Running(EventLoop& loop);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    /// The run ends: stop() has been obeyed, and `Fatal` comes out.
    void leave();

   private:
    EventLoop& loop_;
    Current current_;
  };

  [[noreturn]] static void throw_none_runs();
  [[noreturn]] static void throw_no_task();
  void tick();
  template <class Queue, class Visit>
  static void pass(Queue& queue, Visit visit) {
    queue.begin_tick();
    while (Runnable* next = queue.pop()) visit(*next);
  }
  void pass_observed();
  void push_by_class(Runnable& node) noexcept;
  void remove_by_class(Runnable& node) noexcept;
  void look_around(bool may_wait);
  class WatchedStep;
  void watch_step(Runnable& node, Duration limit) noexcept;
  void observe() noexcept;
  void check_closed_and_thread() const;
  void take_posts() noexcept;
  void set_current(TaskRec* task) noexcept { current_.store(task, std::memory_order_relaxed); }
  [[nodiscard]] Frame* unwind(TaskRec& task, Frame* frame) noexcept;
  void enlist(TaskRec& task) noexcept;
  void delist(TaskRec& task) noexcept;
  [[nodiscard]] bool nothing_ready() const noexcept {
    return policy_ == nullptr ? fifo_.empty() : policy_->empty();
  }

  static constinit thread_local EventLoop* of_this_thread_;
  FifoQueue fifo_;
  std::unique_ptr<ReadyQueue> policy_;
  std::unique_ptr<detail::ClassMeter> meter_;
  bool inherits_ = false;
  bool observed_ = false;         // a tick is more than to run its steps: see pass_observed()
  SchedClass current_class_ = 0;  // stays so without a policy
  Frame* ascend_ = nullptr;
  std::exception_ptr unwound_;  // null: a cancel without a message
  bool unwinding_ = false;
  std::atomic<TaskRec*> current_ = nullptr;  // other threads compare it, see current_task()
  TimerHeap timers_;
  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<Poller> poller_;
  LoopOptions options_;
  std::uint32_t ticks_since_poll_ = 0;
  Stamp stamp_;
  std::uint32_t steps_to_poll_ = 0;
  bool stopping_ = false;
  std::atomic<std::int32_t> thread_ = 0;  // on which it runs, as the system counts them; 0: none
  std::atomic<bool> running_ = false;     // other threads ask in debug mode
  bool closed_ = false;
  bool closing_ = false;
  bool closed_or_debug_ = false;
  bool stopping_tasks_ = false;
  TaskRec* first_task_ = nullptr;
  TaskRec* last_task_ = nullptr;
  std::size_t task_count_ = 0;
  EventLoop* next_loop_ = nullptr;  // of the process: the registry's
  EventLoop* prev_loop_ = nullptr;
  ExceptionHandler handler_;
  std::exception_ptr fatal_;       // what the run that goes on ends with
  std::exception_ptr last_fatal_;  // what some run has ended with
};

inline void TaskRec::make_runnable() noexcept {
  loop_->push(*this);
}

}  // namespace coterie
