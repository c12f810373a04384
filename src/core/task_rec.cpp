#include "coterie/core/task_rec.hpp"

#include <new>
#include <stdexcept>
#include <utility>

#include "coterie/core/leaf.hpp"
#include "coterie/fatal.hpp"
#include "coterie/loop.hpp"
#include "coterie/spawn_options.hpp"
#include "coterie/task.hpp"
#include "src/core/counts.hpp"

namespace coterie {

void detail::throw_no_coroutine() {
  throw std::logic_error("this Task holds no coroutine: it was moved from, or awaited before");
}

void detail::ascend(Frame& finished) noexcept {
  if (Frame* caller = finished.caller())
    EventLoop::current().ascend_to(*caller);
  else
    finished.root_of()->body_ended(finished);
}

void detail::ascend_cancelled(Frame& finished, std::exception_ptr error) noexcept {
  Frame* caller = finished.caller();
  if (caller != nullptr && caller->dies_of_cancel()) EventLoop::current().unwind_from(std::move(error));
  ascend(finished);
}

std::exception_ptr detail::take_unwound() noexcept {
  return EventLoop::current().take_unwound();
}

void detail::throw_unwound() {
  raise_cancel(take_unwound());
}

void DoneHook::unhook() noexcept {
  TaskRec* task = task_;
  if (task == nullptr) return;
  unlink();
  if (task->loop().inherits()) [[unlikely]]
    task->reconsider_class();
}

void DoneHook::unlink() noexcept {
  (prev_ != nullptr ? prev_->next_ : task_->first_hook_) = next_;
  (next_ != nullptr ? next_->prev_ : task_->last_hook_) = prev_;
  task_ = nullptr;
  next_ = prev_ = nullptr;
}

TaskRec::~TaskRec() = default;

void TaskRec::start(EventLoop& loop, Frame& root, SpawnOptions* options) {
  loop_ = &loop;
  top_ = &root;
  root.set_root_of(*this);
  id_ = detail::counts.spawned.fetch_add(1, std::memory_order_relaxed) + 1;
  if constexpr (detail::keeps_stacks) born_ = loop.stamp();
  const TaskRec* parent = loop.current_task();
  if (options != nullptr) take(*options);
  if (context_.empty()) context_ = detail::ContextSlot::capture();
  if (spawned_at_.line() == 0) {
    // A wrapper's own place is a line of this library. No frame: the spawner's root is being destroyed.
    const bool wrapped = root.kind() == FrameKind::wrapper && parent != nullptr;
    const Frame* spawner = wrapped ? parent->innermost() : nullptr;
    spawned_at_ = (spawner != nullptr ? spawner : &root)->awaiting();
  }
  if (loop.debug()) [[unlikely]]
    notes().created = loop.debug_stack();
  if (parent != nullptr) parent_id_ = parent->id_;
  if (options == nullptr || !options->sched_class_value())
    own_class_ = parent != nullptr ? parent->own_class_ : loop.current_class();
  sched_class_ = own_class_;
  loop.enlist(*this);
  loop.push(*this);
}

void TaskRec::take(SpawnOptions& options) {
  if (!options.name_ref().empty()) notes().name = std::move(options.name_ref());
  context_ = std::move(options.context_ref());
  own_class_ = options.sched_class_value().value_or(0);
  spawned_at_ = options.where();
}

TaskRec::Notes& TaskRec::notes() {
  if (!notes_) notes_ = std::make_unique<Notes>();
  return *notes_;
}

std::string TaskRec::name() const {
  return notes_ && !notes_->name.empty() ? notes_->name : "Task-" + std::to_string(id_);
}

void TaskRec::set_name(std::string name) {
  notes().name = std::move(name);
}

std::string TaskRec::describe() const {
  return describe_from(started_ && top_ != nullptr ? top_->awaiting() : std::source_location());
}

std::string TaskRec::describe_from(const std::source_location& where) const {
  std::string text = "<Task '" + name() + "' spawned at " + detail::place(spawned_at_);
  if (where.line() != 0) text += ", from " + detail::place(where);
  return text + ">";
}

void TaskRec::request(const CancelMessage& message) {
  must_cancel_ = true;
  message_ = message ? std::make_unique<CancelMessage>(message) : nullptr;
}

namespace {

/// Somebody may catch the cancel in it. Who dies where it waits is gone before anybody can ask who wanted
/// that.
bool may_live_on(const TaskRec& task) noexcept {
  const Frame* frame = task.started() ? task.innermost() : nullptr;
  while (frame != nullptr && frame->dies_of_cancel()) frame = frame->caller();
  return frame != nullptr;
}

}  // namespace

bool TaskRec::cancel(const CancelMessage& message) {
  if (ended_) {
    retrieved_ = true;  // as asyncio: who cancels a failed task has taken note of it
    return false;
  }
  if (destroyed_) return false;
  loop_->check_usable();
  // A chain of tasks that await each other is walked in a loop, not by recursion. `turtle` stops a cycle.
  TaskRec* turtle = nullptr;
  std::uint64_t steps = 0;
  for (TaskRec* task = this;;) {
    if (task->cancel_requests_ != std::numeric_limits<std::uint16_t>::max()) ++task->cancel_requests_;
    if (task->notes_ || may_live_on(*task)) task->note_cancel();
    if (loop_->inherits()) [[unlikely]]
      task->lend_class(loop_->current_class());
    Leaf* leaf = task->waiting_on_;
    if (leaf != nullptr && leaf->state_ == Leaf::State::cancelled) return true;  // one delivery per resume
    if (leaf == nullptr || leaf->state_ != Leaf::State::waiting || task == turtle) {
      task->request(message);
      return true;
    }
    ++steps;
    if ((steps & (steps - 1)) == 0) turtle = task;
    if (TaskRec* next = leaf->cancel_target()) {
      task = next;
      continue;
    }
    task->add_ref();
    task->take_reply(*leaf, leaf->cancel(message), message);
    task->release();
    return true;
  }
}

void TaskRec::note_cancel() noexcept try {
  const TaskRec* by = loop_->current_task();
  CancelNote& note = notes().cancel;
  note.task = by != nullptr ? by->id() : 0;
  // A virtual loop begins at the epoch, which means nobody.
  note.at = loop_->now() + Duration(1);
} catch (const std::bad_alloc&) {
  // It is for people, who see the same of a program that is out of memory.
}

/// A leaf's cancel may run what users gave (a callback's on_cancel, a stop callback), which may cancel this
/// task again, wake it, or destroy it with its frames and the leaf.
void TaskRec::take_reply(Leaf& leaf, CancelReply reply, const CancelMessage& message) {
  if (waiting_on_ != &leaf || leaf.state_ == Leaf::State::cancelled) return;
  if (reply == CancelReply::passed_on) return;
  if (reply == CancelReply::refused || leaf.state_ != Leaf::State::waiting) return request(message);
  message_ = message ? std::make_unique<CancelMessage>(message) : nullptr;
  leaf.state_ = Leaf::State::cancelled;
  make_runnable();
}

std::uint32_t TaskRec::uncancel() noexcept {
  if (cancel_requests_ > 0) --cancel_requests_;
  if (cancel_requests_ == 0) must_cancel_ = false;  // withdrawn before it was delivered
  return cancel_requests_;
}

std::exception_ptr TaskRec::take_cancel() noexcept {
  must_cancel_ = false;
  ++deliveries_;
  const auto message = std::move(message_);
  return message ? std::make_exception_ptr(Cancelled(std::move(*message))) : nullptr;
}

void TaskRec::throw_cancel() {
  detail::raise_cancel(take_cancel());
}

void TaskRec::add_hook(DoneHook& hook) noexcept {
  hook.task_ = this;
  hook.prev_ = last_hook_;
  hook.next_ = nullptr;
  (last_hook_ != nullptr ? last_hook_->next_ : first_hook_) = &hook;
  last_hook_ = &hook;
}

std::vector<DoneHook*> TaskRec::hooks() const {
  std::vector<DoneHook*> result;
  for (DoneHook* hook = first_hook_; hook != nullptr; hook = hook->next_) result.push_back(hook);
  return result;
}

std::vector<WaitingTask> TaskRec::awaited_by() const {
  std::vector<WaitingTask> result;
  for (const DoneHook* hook : hooks())
    if (const WaitingTask waiter = hook->waiting_task(); waiter.task != nullptr) result.push_back(waiter);
  return result;
}

Frame* TaskRec::innermost() const noexcept {
  Frame* frame = ended_ ? nullptr : top_;
  if (frame == nullptr) return nullptr;
  while (Frame* child = frame->child()) frame = child;
  return frame;
}

// One step: the innermost coroutine goes on, then, on a flat native stack, each caller whose child has ended.
// What is rare stands in functions of its own, so that a step saves no registers for it.
void TaskRec::run() noexcept {
  if constexpr (detail::keeps_stacks) ++polls_;
  if (!started_) [[unlikely]] {
    started_ = true;
    if (must_cancel_) return cancel_unstarted();
  }
  Frame* frame = top_;
  if (frame == nullptr) [[unlikely]]
    return report_late_step();
  EventLoop& loop = *loop_;
  if (frame->dies_of_cancel()) [[unlikely]] {
    frame = wake_dying();
    if (frame == nullptr) return;
  }
  waiting_on_ = nullptr;
  loop.set_current(this);
  for (;;) {
    loop.ascend_ = nullptr;
    frame->handle().resume();
    if (loop.ascend_ == nullptr) break;
    frame = top_ = loop.ascend_;
    frame->child_ended();
    if (loop.unwinding_) [[unlikely]] {
      frame = loop.unwind(*this, frame);
      if (frame == nullptr) return;
    }
  }
  loop.set_current(nullptr);
  if (body_ended_) end_body();
}

void TaskRec::report_late_step() noexcept {
  loop_->report(*this, "a step of a task that has ended", nullptr);
}

/// Cancelled before its first step: the body never runs, its arguments are released.
void TaskRec::cancel_unstarted() noexcept {
  top_->handle().destroy();
  end_cancelled(take_cancel());
}

/// Its innermost coroutine does not catch: where its await ends by a cancel, frames die. Gives the one that
/// goes on; null: the task has ended.
Frame* TaskRec::wake_dying() noexcept {
  std::exception_ptr error;
  if (!unwinds(error)) return top_;
  waiting_on_ = nullptr;
  loop_->set_current(this);
  loop_->unwind_from(std::move(error));
  return loop_->unwind(*this, top_);
}

void TaskRec::run_eagerly() {
  loop_->remove(*this);
  TaskRec* creator = loop_->current_task();
  const bool nested = creator != nullptr && creator->starts_another_;
  if (creator != nullptr) creator->starts_another_ = true;
  add_ref();
  run();
  loop_->set_current(creator);
  if (creator != nullptr) creator->starts_another_ = nested;
  const std::exception_ptr fatal = ended_ && detail::is_fatal(error()) ? error() : nullptr;
  release();
  if (fatal) std::rethrow_exception(fatal);
}

/// The await at which it is suspended ends by a cancel, which is `error`.
bool TaskRec::unwinds(std::exception_ptr& error) noexcept {
  if (waiting_on_ != nullptr) return waiting_on_->take_cancel(error);
  if (!must_cancel_) return false;  // a yield
  error = take_cancel();
  return true;
}

/// Destroys a suspended frame, which is the innermost, and gives the next one.
Frame* TaskRec::destroy_innermost(Frame& frame) noexcept {
  top_ = frame.caller();  // first: what its destructors do sees a task whose innermost frame is the next one
  frame.destroy();
  return top_;
}

void TaskRec::end_body() noexcept {
  Frame& root = *top_;
  const auto kind = take_outcome(root);
  root.handle().destroy();
  if (kind == OutcomeKind::exception && detail::is_fatal(error())) {
    retrieved_ = true;
    loop_->leave_with(error());
  }
  if (must_cancel_ && kind == OutcomeKind::value) {  // cancelled itself, or was cancelled, and then returned
    end_cancelled(take_cancel());                    // without another await
    return;
  }
  ended_cancelled_ = kind == OutcomeKind::cancelled;
  finish();
}

void TaskRec::end_cancelled(std::exception_ptr error) noexcept {
  set_cancelled(std::move(error));
  ended_cancelled_ = true;
  finish();
}

void TaskRec::finish() noexcept {
  ended_ = true;
  top_ = nullptr;
  waiting_on_ = nullptr;
  must_cancel_ = false;
  message_.reset();
  if (ended_cancelled_) detail::count(detail::counts.cancelled);
  loop_->delist(*this);
  while (DoneHook* hook = first_hook_) {
    hook->unlink();
    hook->task_done(*this);
  }
  release();
}

void TaskRec::drop() noexcept {}

ErrorContext TaskRec::error_context(std::string message, std::exception_ptr error) const {
  ErrorContext context(std::move(message), std::move(error), name(), spawned_at_);
  context.created = created();
  return context;
}

void TaskRec::report_never_retrieved() noexcept {
  constexpr const char* message = "Task exception was never retrieved";
  detail::count(detail::counts.failed_unobserved);
  // The loop may be gone; the one that runs here is not.
  if (EventLoop::current_or_null() == loop_)
    loop_->report(*this, message, error());
  else
    detail::report_by_default(error_context(message, error()));
}

void TaskRec::destroy_unfinished() noexcept {
  if (loop_->current_task() == this || starts_another_) {
    std::fprintf(stderr, "coterie: task '%s' destroys itself while it runs\n", name().c_str());
    std::terminate();
  }
  if (destroyed_) return;  // by a destructor of its own
  destroyed_ = true;
  waiting_on_ = nullptr;  // the leaf stands in a frame that is about to go
  if (queued()) loop_->remove(*this);
  destroy_frames();
  end_cancelled(std::make_exception_ptr(Cancelled("its frame was destroyed")));
}

void TaskRec::destroy_frames() noexcept {
  // Only for a task that will never run again: unwinds without running any of its code but destructors.
  Frame* frame = top_;
  while (frame != nullptr) frame = destroy_innermost(*frame);
}

}  // namespace coterie
