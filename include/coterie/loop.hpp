#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "coterie/core/callback.hpp"
#include "coterie/core/frame.hpp"
#include "coterie/core/inbox.hpp"
#include "coterie/core/task_rec.hpp"
#include "coterie/core/threadsafe_handle.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/poller.hpp"
#include "coterie/ready_queue.hpp"

namespace coterie {

/// What the loop's exception handler is told: nobody else will hear of this error.
struct ErrorContext {
  std::string message;         ///< "Task exception was never retrieved", "Exception in callback"…
  std::exception_ptr error;    ///< may be null
  std::string task;            ///< the task's name; empty when it concerns none
  std::source_location where;  ///< where the task was spawned

  ErrorContext(std::string text, std::exception_ptr what, std::string task_name = {},
               std::source_location origin = {})
      : message(std::move(text)), error(std::move(what)), task(std::move(task_name)), where(origin) {}
  /// One line: the message, the task and its origin, and what the exception says.
  [[nodiscard]] std::string str() const;
};

struct LoopOptions {
  /// I/O is looked at and the clock read when nothing is ready, or after so many ticks…
  std::uint32_t ticks_per_poll = 64;
  /// …or steps, whichever comes first. Smaller: less latency under load; larger: fewer system calls.
  std::uint32_t steps_per_poll = 1024;

  LoopOptions() = default;
};

/// A loop of one thread that runs tasks and callbacks: asyncio's event loop.
///
/// One *tick* is one pass over exactly what was ready at its start. It makes no system call and reads no
/// clock; I/O and timers are looked at between ticks, see LoopOptions. Order within a tick: what was queued
/// before, then I/O, then timers that are due, by deadline and then by the order of their arming.
///
/// All members belong to the loop's thread but `call_soon_threadsafe()`, `post()` and `inbox()`.
class EventLoop {
 public:
  /// `ready`: the scheduling policy; null is first in, first out.
  explicit EventLoop(std::unique_ptr<Poller> poller, std::unique_ptr<ReadyQueue> ready = nullptr,
                     LoopOptions options = {});
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  /// The loop that runs on this thread; throws std::logic_error when none does (asyncio.get_running_loop).
  [[nodiscard]] static EventLoop& current();
  [[nodiscard]] static EventLoop* current_or_null() noexcept;

  [[nodiscard]] TimePoint now() noexcept { return poller_->now(); }
  [[nodiscard]] Poller& poller() noexcept { return *poller_; }

  /// Runs `fn()` one tick later, first in, first out. What it throws goes to the exception handler. The
  /// handle can cancel it; dropping the handle does not.
  template <class Fn>
  CallbackHandle call_soon(Fn&& fn) {
    auto handle = CallbackHandle::make(*this, std::forward<Fn>(fn));
    handle.queue();
    return handle;
  }
  /// Runs `fn()` at `when`, never earlier.
  template <class Fn>
  CallbackHandle call_at(TimePoint when, Fn&& fn) {
    auto handle = CallbackHandle::make(*this, std::forward<Fn>(fn));
    handle.arm(when);
    return handle;
  }
  template <class Fn>
  CallbackHandle call_later(Duration delay, Fn&& fn) {
    return call_at(now() + delay, std::forward<Fn>(fn));
  }
  /// As call_soon(), from any thread. Order is kept: per calling thread, and between a callback that another
  /// thread has queued and whatever this loop's thread queues after that. The handle is for any thread too;
  /// it is empty when the loop has closed, and `fn` is then destroyed by the caller's thread. Else `fn` is
  /// destroyed by the loop's. To call a loop that may be gone, keep its inbox().
  template <class Fn>
  ThreadsafeHandle call_soon_threadsafe(Fn&& fn) {
    return ThreadsafeHandle::post(*this, std::forward<Fn>(fn));
  }
  /// Any thread. False when the loop has closed: `item` is dropped.
  bool post(PostedPtr item);
  [[nodiscard]] const std::shared_ptr<Inbox>& inbox() const noexcept { return inbox_; }

  /// Runs until stop(). Throws std::logic_error when this or another loop already runs on this thread.
  void run_forever();
  /// Runs until `done()` is true, which is asked between ticks.
  template <class Done>
  void run_until(Done done) {
    Running guard(*this);
    while (!done() && !stopping_) tick();
    stopping_ = false;
  }
  /// The tick that runs now is the last one.
  void stop() noexcept { stopping_ = true; }
  /// Cancels every task once and runs until they have ended, at most `limit`; what ignores the cancel is then
  /// returned by name, its frames still alive. Exceptions of the tasks go to the exception handler.
  std::vector<std::string> cancel_all_and_run(Duration limit);
  /// Destroys what is left: frames of tasks, newest first, callbacks and timers, without running them. Later
  /// calls from other threads are refused. Idempotent; an error while running.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] bool running() const noexcept { return running_; }
  /// It is inside cancel_all_and_run(): what ends as cancelled now probably does so because the loop stops.
  [[nodiscard]] bool stopping_tasks() const noexcept { return stopping_tasks_; }

  /// The task whose step runs now; null in a plain callback.
  [[nodiscard]] TaskRec* current_task() const noexcept { return current_; }
  /// The task whose step runs now on this thread's loop; throws std::logic_error outside of any.
  [[nodiscard]] static TaskRec& require_task();
  /// Tasks that have not ended, in order of their creation, from first_task() by TaskRec::next_task().
  [[nodiscard]] TaskRec* first_task() const noexcept { return first_task_; }
  [[nodiscard]] std::size_t task_count() const noexcept { return task_count_; }

  using ExceptionHandler = std::function<void(const ErrorContext&)>;
  /// Null: one line on stderr.
  void set_exception_handler(ExceptionHandler handler) { handler_ = std::move(handler); }
  void report(const ErrorContext& context) noexcept;
  /// To the loop that runs on this thread; one line on stderr when none does.
  static void report_anywhere(const ErrorContext& context) noexcept;

  // --- for the runtime's own awaitables
  // ----------------------------------------------------------------------
  void push(Runnable& node) noexcept {
    if (policy_ == nullptr) [[likely]]
      fifo_.push(node);
    else
      policy_->push(node);
  }
  void remove(Runnable& node) noexcept {
    if (policy_ == nullptr) [[likely]]
      fifo_.remove(node);
    else
      policy_->remove(node);
  }
  /// Queues what other threads have posted so far.
  void receive() noexcept {
    if (!inbox_->empty()) take_posts();
  }
  void arm(Timer& timer, TimePoint when) { timers_.push(timer, when); }
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

 private:
  friend class TaskRec;
  class Running {
   public:
    explicit Running(EventLoop& loop);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    EventLoop& loop_;
  };

  void tick();
  void look_around();
  void take_posts() noexcept;
  void run_step(TaskRec& task, Frame* frame) noexcept;
  [[nodiscard]] Frame* unwind(TaskRec& task, Frame* frame) noexcept;
  void enlist(TaskRec& task) noexcept;
  void delist(TaskRec& task) noexcept;
  [[nodiscard]] bool nothing_ready() const noexcept {
    return policy_ == nullptr ? fifo_.empty() : policy_->empty();
  }

  FifoQueue fifo_;
  std::unique_ptr<ReadyQueue> policy_;
  Frame* ascend_ = nullptr;
  std::exception_ptr unwound_;  // null: a cancel without a message
  bool unwinding_ = false;
  TaskRec* current_ = nullptr;
  TimerHeap timers_;
  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<Poller> poller_;
  LoopOptions options_;
  std::uint32_t ticks_since_poll_ = 0;
  std::uint32_t steps_since_poll_ = 0;
  bool stopping_ = false;
  bool running_ = false;
  bool closed_ = false;
  bool closing_ = false;
  bool stopping_tasks_ = false;
  TaskRec* first_task_ = nullptr;
  TaskRec* last_task_ = nullptr;
  std::size_t task_count_ = 0;
  ExceptionHandler handler_;
};

}  // namespace coterie
