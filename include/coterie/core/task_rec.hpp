#pragma once
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/cancel.hpp"
#include "coterie/core/context_slot.hpp"
#include "coterie/core/error_context.hpp"
#include "coterie/core/frame.hpp"
#include "coterie/core/runnable.hpp"
#include "coterie/core/stack_frame.hpp"
#include "coterie/core/stamp.hpp"
#include "coterie/outcome.hpp"
#include "coterie/poller.hpp"

namespace coterie {

class EventLoop;
class Leaf;
class SpawnOptions;
class TaskRec;

/// What became of a cancel at the leaf where its task waits: see Leaf::cancel().
enum class CancelReply : std::uint8_t { detached, passed_on, refused };

/// Who waits for a task's end, and at which leaf it will do so. Nobody: null.
struct WaitingTask {
  TaskRec* task = nullptr;
  const Leaf* leaf = nullptr;
};

/// Something that happens when a task has ended. Intrusive: whoever waits embeds it, and removes it in its
/// destructor. Hooks run in the order of their registration.
class DoneHook {
 public:
  DoneHook() = default;
  DoneHook(const DoneHook&) = delete;
  DoneHook& operator=(const DoneHook&) = delete;

  /// The task has ended and its outcome is set. Runs inside the step that ended it, so it only queues work.
  virtual void task_done(TaskRec& task) noexcept = 0;
  /// For dumps: on whose behalf this is. The graph of who awaits whom is these answers, and costs nothing
  /// else.
  [[nodiscard]] virtual WaitingTask waiting_task() const noexcept { return {}; }
  /// The class that the task inherits by this, see ReadyQueue::inherits(): that of who waits.
  [[nodiscard]] virtual SchedClass lends() const noexcept;

 protected:
  ~DoneHook() = default;
  [[nodiscard]] bool hooked() const noexcept { return task_ != nullptr; }
  [[nodiscard]] TaskRec* hooked_to() const noexcept { return task_; }
  void unhook() noexcept;

 private:
  friend class TaskRec;
  void unlink() noexcept;
  TaskRec* task_ = nullptr;
  DoneHook* next_ = nullptr;
  DoneHook* prev_ = nullptr;
};

/// A task: one scheduled unit with an id, a name and a state, apart from the frame that runs in it. The
/// frame's memory goes back when the body ends, however long handles keep the record.
///
///                       spawn
///                         │
///                         ▼        the leaf is ready, or was cancelled
///        cancel()      runnable ◀──────────────────────┐
///      before start       │ step                       │
///            │            ▼           co_await         │
///            │         running ───────────────────▶ waiting
///            ▼            │ returned, threw             (waiting_on() is its innermost leaf)
///          ended ◀────────┘
///
/// All members belong to the thread of the task's loop.
class TaskRec : public Runnable {
 public:
  // --- what asyncio.Task offers -------------------------------------------------------------------------
  /// Requests a cancel. False when the task has ended. See JoinHandle::cancel().
  bool cancel(const CancelMessage& message);
  /// Counted up to 65,535.
  [[nodiscard]] std::uint32_t cancelling() const noexcept { return cancel_requests_; }
  std::uint32_t uncancel() noexcept;
  [[nodiscard]] bool done() const noexcept { return ended_; }
  [[nodiscard]] bool cancelled() const noexcept { return ended_ && ended_cancelled_; }

  // --- for people -----------------------------------------------------------------------------------------
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] std::string name() const;
  void set_name(std::string name);
  [[nodiscard]] std::uint64_t parent_id() const noexcept { return parent_id_; }
  /// Who requested the newest cancel, and when by the loop's clock. Not kept of a nameless task that dies
  /// where it waits.
  struct CancelNote {
    std::uint64_t task = 0;  ///< 0: a plain callback, or nobody yet
    TimePoint at{};          ///< the epoch: nobody yet
  };
  [[nodiscard]] CancelNote newest_cancel() const noexcept { return notes_ ? notes_->cancel : CancelNote(); }
  /// When it was spawned, as its loop had seen the time by then: see EventLoop::stamp().
  [[nodiscard]] Stamp born() const noexcept { return born_; }
  /// How many steps it has begun; wraps around.
  [[nodiscard]] std::uint32_t polls() const noexcept { return polls_; }
  /// Where it was given its name. When it was given none: where its function stands, or, if that had to be
  /// wrapped to keep its arguments, the newest `co_await` of the coroutine that spawned it.
  [[nodiscard]] std::source_location spawned_at() const noexcept { return spawned_at_; }
  /// The coroutine that runs now, or at whose await the task is suspended; walk `Frame::caller()` outwards
  /// from it. Null once the task has ended.
  [[nodiscard]] Frame* innermost() const noexcept;
  /// See JoinHandle::stack().
  [[nodiscard]] Stack stack(std::optional<int> limit = std::nullopt) const {
    return stack_of(innermost(), limit);
  }
  /// Who waits for its end, in the order of their coming; a task may be in it several times.
  [[nodiscard]] std::vector<WaitingTask> awaited_by() const;
  /// What it waits for; null while it is runnable, running or ended.
  [[nodiscard]] Leaf* waiting_on() const noexcept { return waiting_on_; }
  [[nodiscard]] bool started() const noexcept { return started_; }
  /// The root's final suspend: the body is over.
  void body_ended(Frame& root) noexcept {
    body_ended_ = true;
    top_ = &root;
  }
  [[nodiscard]] EventLoop& loop() const noexcept { return *loop_; }
  /// Its own scheduling class; sched_class() is what it was queued with last, an inherited one included.
  [[nodiscard]] SchedClass own_class() const noexcept { return own_class_; }
  [[nodiscard]] const TaskRec* of_task() const noexcept override { return this; }
  [[nodiscard]] TaskRec* next_task() const noexcept { return registry_next_; }

  /// What it threw, `Cancelled` too; null for a value or while it has not ended.
  [[nodiscard]] virtual std::exception_ptr error() const noexcept = 0;

  /// The context in which it runs, see coterie/context.hpp.
  [[nodiscard]] detail::ContextSlot& context() noexcept { return context_; }
  /// In debug mode: the coroutines in which it was made.
  [[nodiscard]] Stack created() const { return notes_ ? notes_->created : Stack(); }
  [[nodiscard]] std::string describe() const override;
  /// The same about a step that began there.
  [[nodiscard]] std::string describe_from(const std::source_location& where) const;
  /// For a report that concerns it.
  [[nodiscard]] ErrorContext error_context(std::string message, std::exception_ptr error) const;

  // --- for the runtime's own awaitables --------------------------------------------------------------------
  /// The greatest of its own class and those that it inherits.
  [[nodiscard]] SchedClass due_class() const noexcept;
  /// Who waits for it, or the class of who does, has changed: it and what it waits for get the class that is
  /// due to them. What is queued keeps a greater one for this turn. Where the policy inherits.
  void reconsider_class() noexcept;
  /// The class of the step that runs now is its own too until its cancels were taken back.
  void lend_class(SchedClass value);
  void add_hook(DoneHook& hook) noexcept;
  /// In the order of their registration.
  [[nodiscard]] std::vector<DoneHook*> hooks() const;
  /// Wakes the task: it runs one tick later. Precondition: suspended.
  void make_runnable() noexcept;
  [[nodiscard]] bool must_cancel() const noexcept { return must_cancel_; }
  /// The pending cancel, which counts as delivered from here on. Null: it has no message, and its exception
  /// is made by whoever throws it.
  [[nodiscard]] std::exception_ptr take_cancel() noexcept;
  /// Throws it. Out of line, see throw_unwound().
  [[noreturn]] void throw_cancel();
  /// A pending cancel is delivered as another one that arrives at the same await.
  void absorb_cancel() noexcept {
    if (must_cancel_) ++deliveries_;
    must_cancel_ = false;
  }
  /// The pending cancel, if there is one, is not delivered.
  void withdraw_cancel() noexcept { must_cancel_ = false; }
  /// How many pending cancels have been thrown into it; wraps around.
  [[nodiscard]] std::uint16_t deliveries() const noexcept { return deliveries_; }
  /// Its exception counts as seen: nothing is reported when the last handle goes.
  void mark_retrieved() noexcept { retrieved_ = true; }
  [[nodiscard]] bool retrieved() const noexcept { return retrieved_; }
  void add_ref() noexcept { ++refs_; }
  void release() noexcept {
    if (--refs_ == 0) destroy();
  }
  void run() noexcept override;
  void drop() noexcept override;
  /// The first step, now instead of one tick later, on top of the step that runs now. Rethrows `Fatal`.
  /// Precondition: queued for that step by start().
  void run_eagerly();
  /// The task ends here, cancelled: its frames are destroyed, innermost first, and run no code but
  /// destructors. Precondition: it has not ended; std::terminate when it is running, for its frame stands on
  /// the native stack.
  void destroy_unfinished() noexcept;

 protected:
  TaskRec() = default;
  ~TaskRec();
  /// Queues the first step, inherits class and parent from the current task.
  /// `options`: null for none; name and context are moved from. Without a context it gets a copy of the
  /// current one.
  void start(EventLoop& loop, Frame& root, SpawnOptions* options);
  /// The body has ended: moves its outcome out of the promise into the record.
  virtual OutcomeKind take_outcome(Frame& root) noexcept = 0;
  virtual void set_cancelled(std::exception_ptr error) noexcept = 0;
  virtual void destroy() noexcept = 0;
  void report_never_retrieved() noexcept;

  bool ended_cancelled_ = false;
  // These share a byte.
  bool result_moved_ : 1 = false;  // out of the TaskState's outcome

 private:
  friend class DoneHook;
  friend class Leaf;
  friend struct detail::DebugLayout;
  friend class EventLoop;
  friend class YieldAwaiter;  // top_: a yield is no leaf

  struct Notes {  // what most tasks do not have
    std::string name;
    CancelNote cancel;
    Stack created;
    SchedClass lent = std::numeric_limits<SchedClass>::min();  // by who cancelled it
  };
  void take(SpawnOptions& options);
  [[gnu::noinline]] void report_late_step() noexcept;
  [[gnu::noinline]] void cancel_unstarted() noexcept;
  [[gnu::noinline]] Frame* wake_dying() noexcept;
  void end_body() noexcept;
  void end_cancelled(std::exception_ptr error) noexcept;
  void finish() noexcept;
  [[nodiscard]] bool unwinds(std::exception_ptr& error) noexcept;
  [[nodiscard]] Frame* destroy_innermost(Frame& frame) noexcept;
  void destroy_frames() noexcept;
  void request(const CancelMessage& message);
  void pass_on_class() noexcept;
  [[gnu::noinline]] void note_cancel() noexcept;
  void take_reply(Leaf& leaf, CancelReply reply, const CancelMessage& message);
  Notes& notes();

  bool retrieved_ : 1 = false;
  bool destroyed_ : 1 = false;  // its frames are being destroyed, from outside
  bool started_ : 1 = false;
  bool must_cancel_ : 1 = false;
  bool body_ended_ : 1 = false;
  // Its step runs; above it on the native stack, that of one it started eagerly.
  bool starts_another_ : 1 = false;
  bool ended_ = false;
  SchedClass own_class_ = 0;
  std::uint32_t refs_ = 1;  // the loop's, until the task has ended
  std::uint16_t cancel_requests_ = 0;
  std::uint16_t deliveries_ = 0;
  std::uint32_t polls_ = 0;
  Stamp born_;  // as its loop saw the time then
  EventLoop* loop_ = nullptr;
  Frame* top_ = nullptr;  // suspended: the innermost frame; running: the one that the loop resumed
  Leaf* waiting_on_ = nullptr;
  DoneHook* first_hook_ = nullptr;
  DoneHook* last_hook_ = nullptr;
  TaskRec* registry_next_ = nullptr;
  TaskRec* registry_prev_ = nullptr;
  std::uint64_t id_ = 0;
  std::uint64_t parent_id_ = 0;
  detail::ContextSlot context_;
  std::unique_ptr<Notes> notes_;
  std::unique_ptr<CancelMessage> message_;  // of the cancel that is to be delivered; null: it has none
  std::source_location spawned_at_;
};
static_assert(sizeof(TaskRec) <= 152, "a task's record is part of what a sleeping task costs");

}  // namespace coterie
