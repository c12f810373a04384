#include "src/core/loop_registry.hpp"

#include <cstddef>
#include <mutex>

#include "coterie/core/leaf.hpp"
#include "coterie/core/under_lock.hpp"
#include "src/core/debug_block.hpp"

// The members' classes have virtual functions, and no virtual bases: there offsetof is well defined with both
// compilers.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace coterie::detail {
namespace {

/// Of libstdc++, which std::source_location has as a pointer alone.
struct Location {
  const char* file;
  const char* function;
  unsigned line;
  unsigned column;
};
static_assert(sizeof(std::source_location) == sizeof(void*));

/// Of libstdc++: a pointer, then the length.
static_assert(sizeof(std::string) == 32);

constinit std::mutex loops_mutex;

}  // namespace

/// A friend of all that has members to be found.
struct DebugLayout {
  static constexpr DebugBlock block() noexcept {
    DebugBlock its{};
    for (std::size_t i = 0; i < sizeof debug_magic; ++i) its.magic[i] = debug_magic[i];
    its.version = debug_version;
    its.size = sizeof(DebugBlock);
    its.self = &coterie_debug_block;

    its.loop_next = offsetof(EventLoop, next_loop_);
    its.loop_thread = offsetof(EventLoop, thread_);
    its.loop_current = offsetof(EventLoop, current_);
    its.loop_first_task = offsetof(EventLoop, first_task_);
    its.loop_task_count = offsetof(EventLoop, task_count_);

    its.task_registry_next = offsetof(TaskRec, registry_next_);
    its.task_queue_next = offsetof(TaskRec, next_);
    its.task_id = offsetof(TaskRec, id_);
    its.task_parent_id = offsetof(TaskRec, parent_id_);
    its.task_ended = offsetof(TaskRec, ended_);
    its.task_ended_cancelled = offsetof(TaskRec, ended_cancelled_);
    its.task_own_class = offsetof(TaskRec, own_class_);
    its.task_cancel_requests = offsetof(TaskRec, cancel_requests_);
    its.task_top = offsetof(TaskRec, top_);
    its.task_waiting_on = offsetof(TaskRec, waiting_on_);
    its.task_notes = offsetof(TaskRec, notes_);
    its.task_spawned_at = offsetof(TaskRec, spawned_at_);
    its.notes_name = offsetof(TaskRec::Notes, name);
    its.notes_cancelled_by = offsetof(TaskRec::Notes, cancel) + offsetof(TaskRec::CancelNote, task);
    its.notes_cancelled_at = offsetof(TaskRec::Notes, cancel) + offsetof(TaskRec::CancelNote, at);

    its.frame_caller = offsetof(Frame, caller_);
    its.frame_awaiting = offsetof(Frame, awaiting_);
    its.frame_child = offsetof(Frame, child_slot_);
    its.frame_root_tag = Frame::root_tag;
    its.frame_tags = Frame::tags;
    its.frame_kind_mask = Frame::kind_mask;
    its.frame_kind_shift = Frame::kind_shift;
    its.frame_generator = static_cast<std::uint64_t>(FrameKind::generator);
    its.frame_wrapper = static_cast<std::uint64_t>(FrameKind::wrapper);

    its.leaf_kind = offsetof(Leaf, kind_);
    its.leaf_object = offsetof(Leaf, object_);
    its.kind_task = static_cast<std::uint64_t>(WaitKind::task);
    its.kind_shield = static_cast<std::uint64_t>(WaitKind::shield);
    its.kind_lock = static_cast<std::uint64_t>(WaitKind::lock);
    its.kind_read_lock = static_cast<std::uint64_t>(WaitKind::read_lock);
    its.kind_write_lock = static_cast<std::uint64_t>(WaitKind::write_lock);
    its.primitive_holder_id = offsetof(LoopBound, holder_id_);

    its.string_data = 0;
    its.string_size = 8;
    its.location_file = offsetof(Location, file);
    its.location_function = offsetof(Location, function);
    its.location_line = offsetof(Location, line);

    its.task_polls = offsetof(TaskRec, polls_);
    its.task_born = offsetof(TaskRec, born_);
    its.born_shift = Stamp::shift;
    its.primitive_name = offsetof(LoopBound, name_);
    its.kinds_primitive = primitive_kinds;
    its.kinds_lock = lock_kinds;
    its.kinds_timer = timer_kinds;
    its.kinds_descriptor = descriptor_kinds;
    its.kind_condition = static_cast<std::uint64_t>(WaitKind::condition);
    its.condition_lock = offsetof(UnderLock, lock_);
    return its;
  }
};

}  // namespace coterie::detail

extern "C" {
// Found without a symbol, in programs that were stripped.
[[gnu::used, gnu::section(".coterie"),
  gnu::visibility("default")]] constinit coterie::detail::DebugBlock coterie_debug_block =
    coterie::detail::DebugLayout::block();
}

namespace coterie::detail {

void LoopRegistry::add(EventLoop& loop) noexcept {
  const std::lock_guard lock(loops_mutex);
  EventLoop** last = &coterie_debug_block.first_loop;
  while (*last != nullptr) {
    loop.prev_loop_ = *last;
    last = &(*last)->next_loop_;
  }
  *last = &loop;
}

void LoopRegistry::remove(EventLoop& loop) noexcept {
  const std::lock_guard lock(loops_mutex);
  (loop.prev_loop_ != nullptr ? loop.prev_loop_->next_loop_ : coterie_debug_block.first_loop) =
      loop.next_loop_;
  if (loop.next_loop_ != nullptr) loop.next_loop_->prev_loop_ = loop.prev_loop_;
}

void LoopRegistry::observe(EventLoop& loop, bool on) noexcept {
  loop.observe();
  loop.observed_ = loop.observed_ || on;
}

std::vector<LoopRegistry::Entry> LoopRegistry::all() {
  const std::lock_guard lock(loops_mutex);
  std::vector<Entry> found;
  for (const EventLoop* loop = coterie_debug_block.first_loop; loop != nullptr; loop = loop->next_loop_)
    found.emplace_back(*loop, loop->inbox_, loop->thread_.load(std::memory_order_relaxed));
  return found;
}

}  // namespace coterie::detail
