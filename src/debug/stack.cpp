#include "coterie/debug/stack.hpp"

#include <unistd.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "coterie/core/under_lock.hpp"
#include "src/debug/capture.hpp"
#include "src/debug/endpoint.hpp"

namespace coterie::debug {
namespace {

void add_once(std::vector<std::uint64_t>& ids, std::uint64_t id) {
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
}

TaskState state_of(const TaskSnapshot& seen, const TaskRec& task) noexcept {
  if (task.cancelled()) return TaskState::cancelled;
  if (task.done()) return TaskState::finished;
  if (seen.cancel_requests > 0) return TaskState::cancelling;
  return seen.runs ? TaskState::running : TaskState::pending;
}

void look_at_lock(const UnderLock& condition, TaskSnapshot& seen) {
  const LoopBound* lock = condition.its_lock();
  ItsLock& its = seen.lock.emplace();
  its.object = lock;
  its.held_by = lock->holder_id();
  if (lock->name() != nullptr) its.name = lock->name();
}

/// What is known of the object of a wait, see the sets of kinds.
void look_at_wait(const WaitInfo& wait, TimePoint now, TaskSnapshot& seen) {
  seen.wait = wait;
  if (wait.object == nullptr) return;
  if (contains(primitive_kinds, wait.kind)) {
    const auto* primitive = static_cast<const LoopBound*>(wait.object);
    seen.held_by = primitive->holder_id();
    if (primitive->name() != nullptr) seen.wait_name = primitive->name();
    if (wait.kind == WaitKind::condition) look_at_lock(*static_cast<const UnderLock*>(primitive), seen);
  } else if (contains(timer_kinds, wait.kind)) {
    seen.due_in = *static_cast<const Duration*>(wait.object) - now.time_since_epoch();
  } else if (contains(descriptor_kinds, wait.kind)) {
    seen.descriptor = *static_cast<const int*>(wait.object);
  }
}

/// All but stack, `awaited_by` and `waits_for`.
TaskSnapshot look_at(const TaskRec& task, TimePoint now) {
  TaskSnapshot seen;
  seen.id = task.id();
  seen.parent_id = task.parent_id();
  seen.name = task.name();
  seen.cancel_requests = task.cancelling();
  seen.sched_class = task.own_class();
  seen.ready = task.queued();
  const Leaf* leaf = task.waiting_on();
  seen.polls = task.polls();
  seen.age = task.born().age(now);
  if (leaf != nullptr && !seen.ready) look_at_wait(leaf->wait_info(), now, seen);
  // Not only the loop's current task: one that starts another eagerly is on the native stack as well.
  seen.runs = !task.done() && !seen.ready && leaf == nullptr;
  seen.state = state_of(seen, task);
  if (const TaskRec::CancelNote cancel = task.newest_cancel(); cancel.at != TimePoint()) {
    seen.cancelled_by = cancel.task;
    seen.cancelled_ago = now + Duration(1) - cancel.at;  // see TaskRec::note_cancel()
  }
  return seen;
}

/// That `task` is awaited at the very leaf where the waiter stands.
bool waits_here(const WaitingTask& waiter) noexcept {
  return waiter.leaf == waiter.task->waiting_on() && !waiter.task->queued();
}

}  // namespace

std::string_view to_string(TaskState state) noexcept {
  switch (state) {
    case TaskState::pending:
      return "pending";
    case TaskState::running:
      return "running";
    case TaskState::cancelling:
      return "cancelling";
    case TaskState::cancelled:
      return "cancelled";
    case TaskState::finished:
      return "finished";
  }
  return "unknown";
}

TaskSnapshot snapshot(const TaskRec& task) {
  // The loop of a task that has ended may be gone.
  TaskSnapshot seen = look_at(task, task.done() ? TimePoint() : task.loop().now());
  if (task.done()) {
    seen.cancelled_ago.reset();
    seen.age.reset();
  }
  seen.stack = task.stack();
  seen.spawned_at = Place(task.spawned_at());
  if (seen.descriptor) seen.endpoint = endpoint_of(*seen.descriptor);
  for (const WaitingTask& waiter : task.awaited_by()) add_once(seen.awaited_by, waiter.task->id());
  if (task.done()) return seen;
  for (const TaskRec* other = task.loop().first_task(); other != nullptr; other = other->next_task())
    for (const WaitingTask& waiter : other->awaited_by())
      if (waiter.task == &task && waits_here(waiter)) add_once(seen.waits_for, other->id());
  return seen;
}

Capture capture(const EventLoop& loop) {
  Capture seen;
  seen.thread = ::gettid();
  seen.tasks.reserve(loop.task_count());
  seen.frames.reserve(loop.task_count() * 3);
  const TimePoint now = const_cast<EventLoop&>(loop).now();
  for (const TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task()) {
    const std::size_t index = seen.tasks.size();
    Capture::Task& its = seen.tasks.emplace_back();
    its.seen = look_at(*task, now);
    its.spawned_at = task->spawned_at();
    const std::size_t before = seen.frames.size();
    for (const Frame* frame = task->innermost(); frame != nullptr; frame = frame->caller())
      if (frame->kind() != FrameKind::wrapper) seen.frames.push_back({frame->awaiting(), frame->kind()});
    its.frames = seen.frames.size() - before;
    for (const WaitingTask& waiter : task->awaited_by())
      seen.waits.push_back({index, waiter.task->id(), waits_here(waiter)});
  }
  return seen;
}

LoopSnapshot resolve(Capture seen) {
  LoopSnapshot loop;
  loop.thread = seen.thread;
  loop.tasks.reserve(seen.tasks.size());
  // Many tasks stand at few lines, and a name is read from left to right.
  std::unordered_map<const char*, std::string> names;
  std::unordered_map<std::uint64_t, std::size_t> place;
  std::size_t next = 0;
  for (Capture::Task& its : seen.tasks) {
    TaskSnapshot& task = loop.tasks.emplace_back(std::move(its.seen));
    place.emplace(task.id, loop.tasks.size() - 1);
    task.spawned_at = Place(its.spawned_at);
    task.stack.reserve(its.frames);
    for (const std::size_t end = next + its.frames; next < end; ++next) {
      const auto [where, kind] = seen.frames[next];
      const auto [name, is_new] = names.try_emplace(where.function_name());
      if (is_new) name->second = function_name(where.function_name());
      task.stack.emplace_back(
          name->second, where.file_name(), where.line(),
          kind == FrameKind::generator ? StackFrame::Kind::generator : StackFrame::Kind::coroutine);
    }
  }
  for (const Capture::Wait& wait : seen.waits) {
    TaskSnapshot& awaited = loop.tasks[wait.awaited];
    add_once(awaited.awaited_by, wait.waiter);
    if (const auto found = place.find(wait.waiter); wait.here && found != place.end())
      loop.tasks[found->second].waits_for.push_back(awaited.id);
  }
  add_endpoints(loop);
  for (TaskSnapshot& task : loop.tasks) {  // a group of thousands: once for all of them
    std::unordered_set<std::uint64_t> known;
    if (task.waits_for.size() > 1)
      std::erase_if(task.waits_for, [&](std::uint64_t id) { return !known.insert(id).second; });
  }
  return loop;
}

void add_endpoints(LoopSnapshot& loop) {
  constexpr std::size_t most = 1000;  // each is some system calls
  std::size_t count = 0;
  for (TaskSnapshot& task : loop.tasks)
    if (task.descriptor && ++count <= most) task.endpoint = endpoint_of(*task.descriptor);
}

LoopSnapshot snapshot(const EventLoop& loop) {
  return resolve(capture(loop));
}

}  // namespace coterie::debug
