#include "coterie/loop.hpp"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "coterie/core/leaf.hpp"
#include "coterie/task.hpp"
#include "src/core/class_meter.hpp"
#include "src/core/loop_registry.hpp"

namespace coterie {

constinit thread_local EventLoop* EventLoop::of_this_thread_ = nullptr;

EventLoop::EventLoop(std::unique_ptr<Poller> poller, std::unique_ptr<ReadyQueue> ready, LoopOptions options)
    : policy_(ready == nullptr && options.policy ? options.policy() : std::move(ready)),
      inherits_(policy_ != nullptr && policy_->inherits()),
      inbox_(std::make_shared<Inbox>(*poller)),
      poller_(std::move(poller)),
      options_(std::move(options)),
      closed_or_debug_(options_.debug) {
  options_.steps_per_poll = std::max(options_.steps_per_poll, 1U);
  steps_to_poll_ = options_.steps_per_poll;
  if (options_.class_times) {
    meter_ = std::make_unique<detail::ClassMeter>(*poller_);
    if (policy_ == nullptr) policy_ = std::make_unique<FifoQueue>();  // the built-in one knows no classes
  }
  observe();
  stamp_ = Stamp(poller_->coarse_now());
  detail::LoopRegistry::add(*this);
}

EventLoop::~EventLoop() {
  close();
  detail::LoopRegistry::remove(*this);
}

void EventLoop::throw_none_runs() {
  throw std::logic_error(
      "no event loop runs on this thread: call this from inside a task, under coterie::run()");
}

void EventLoop::throw_no_task() {
  throw std::logic_error("this needs a task, and a plain callback of the loop is running");
}

EventLoop::OnBehalfOf::OnBehalfOf(TaskRec& task) noexcept
    : loop_(task.loop()), before_(loop_.current_task()) {
  loop_.set_current(&task);
}

EventLoop::OnBehalfOf::~OnBehalfOf() {
  loop_.set_current(before_);
}

void EventLoop::check_can_run() const {
  if (closed_) throw std::logic_error("Event loop is closed");
  if (of_this_thread_ != nullptr)
    throw std::logic_error(
        "cannot run an event loop while another one runs on this thread: co_await instead");
}

EventLoop::Current::Current(EventLoop& loop) noexcept : before_(std::exchange(of_this_thread_, &loop)) {}

EventLoop::Current::~Current() {
  of_this_thread_ = before_;
}

EventLoop::Running::Running(EventLoop& loop) : loop_((loop.check_can_run(), loop)), current_(loop) {
  loop.running_.store(true, std::memory_order_relaxed);
  loop.thread_.store(::gettid(), std::memory_order_relaxed);
}

EventLoop::Running::~Running() {
  loop_.thread_.store(0, std::memory_order_relaxed);
  loop_.running_.store(false, std::memory_order_relaxed);
}

void EventLoop::Running::leave() {
  loop_.stopping_ = false;
  if (loop_.fatal_) [[unlikely]]
    std::rethrow_exception(std::exchange(loop_.fatal_, nullptr));
}

void EventLoop::leave_with(const std::exception_ptr& fatal) noexcept {
  if (fatal == last_fatal_) return;  // a task that awaited the one that threw it ends with it too
  if (fatal_) return report(ErrorContext("A run of the loop ended with another fatal error", fatal));
  fatal_ = last_fatal_ = fatal;
  stopping_ = true;
}

void EventLoop::run_forever() {
  Running guard(*this);
  do tick();
  while (!stopping_);
  guard.leave();
}

void EventLoop::tick() {
  if (!inbox_->empty() || nothing_ready() || ++ticks_since_poll_ >= options_.ticks_per_poll)
    look_around(true);
  if (observed_) [[unlikely]]
    pass_observed();
  else
    pass(fifo_, [this](Runnable& next) {
      next.run();
      if (--steps_to_poll_ == 0) [[unlikely]]
        look_around(false);
    });
}

void EventLoop::look_around(bool may_wait) {
  ticks_since_poll_ = 0;
  steps_to_poll_ = options_.steps_per_poll;
  std::optional<TimePoint> deadline;
  if (!may_wait || !nothing_ready() || stopping_ || !inbox_->empty())
    deadline = TimePoint::min();
  else if (!timers_.empty())
    deadline = timers_.earliest();
  poller_->poll(deadline);
  receive();
  if (timers_.empty()) {
    stamp_ = Stamp(poller_->coarse_now());
    return;
  }
  const TimePoint now = poller_->now();
  stamp_ = Stamp(now);
  while (Timer* due = timers_.pop_due(now)) push(*due);
}

bool EventLoop::post(PostedPtr item) {
  if (of_this_thread_ != this) return inbox_->post(std::move(item));
  receive();
  item->set_sched_class(current_class_);  // it stands in line with what call_soon() queues
  push(*item.release());
  return true;
}

void EventLoop::take_posts() noexcept {
  for (Posted* item = inbox_->take(); item != nullptr;) push(*std::exchange(item, Inbox::next(*item)));
}

// A suspended chain of frames that do not catch goes innermost first, in a loop; none of them is on the
// native stack here. The cancel counts as delivered before the first destructor runs: one that is requested
// by a destructor comes at the next await.
Frame* EventLoop::unwind(TaskRec& task, Frame* frame) noexcept {
  unwinding_ = false;
  std::exception_ptr cancel = take_unwound();
  while (frame != nullptr && frame->dies_of_cancel()) frame = task.destroy_innermost(*frame);
  if (frame != nullptr) {
    unwound_ = std::move(cancel);
  } else {
    set_current(nullptr);
    task.end_cancelled(std::move(cancel));
  }
  return frame;
}

void EventLoop::enlist(TaskRec& task) noexcept {
  task.registry_prev_ = last_task_;
  (last_task_ != nullptr ? last_task_->registry_next_ : first_task_) = &task;
  last_task_ = &task;
  ++task_count_;
}

void EventLoop::delist(TaskRec& task) noexcept {
  (task.registry_prev_ != nullptr ? task.registry_prev_->registry_next_ : first_task_) = task.registry_next_;
  (task.registry_next_ != nullptr ? task.registry_next_->registry_prev_ : last_task_) = task.registry_prev_;
  task.registry_prev_ = task.registry_next_ = nullptr;
  --task_count_;
}

}  // namespace coterie
