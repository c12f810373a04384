#pragma once
#include <cstddef>
#include <cstdint>

#include "coterie/core/frame.hpp"

namespace coterie {
class EventLoop;
}

namespace coterie::detail {

/// Where a reader of this process's memory finds what is needed to list its tasks: a debugger, a core, the
/// debug thread while a loop is blocked. A reader finds the block in the section ".coterie", also of a
/// stripped program; checks magic, `self` and `version`; and then reads by these offsets alone, whatever
/// version of the library it was built with.
///
/// All members are 8 bytes, so that no reader needs to know about padding. New ones come at the end and make
/// `size` greater; `version` changes when an old one changes its meaning.
struct DebugBlock {
  char magic[16];
  std::uint64_t version;
  std::uint64_t size;
  const DebugBlock* self;
  EventLoop* first_loop;

  std::uint64_t loop_next;
  std::uint64_t loop_thread;      // int32: the thread on which it runs; 0: none
  std::uint64_t loop_current;     // the task whose step runs now
  std::uint64_t loop_first_task;  //
  std::uint64_t loop_task_count;

  std::uint64_t task_registry_next;
  std::uint64_t task_queue_next;  // not null: it is in the ready queue
  std::uint64_t task_id;
  std::uint64_t task_parent_id;
  std::uint64_t task_ended;            // bool
  std::uint64_t task_ended_cancelled;  // bool
  std::uint64_t task_own_class;        // int16
  std::uint64_t task_cancel_requests;  // uint16
  std::uint64_t task_top;              // the frame
  std::uint64_t task_waiting_on;       // the leaf; null: it does not wait
  std::uint64_t task_notes;            // null: nothing is noted
  std::uint64_t task_spawned_at;       // a source_location
  std::uint64_t notes_name;            // a std::string
  std::uint64_t notes_cancelled_by;
  std::uint64_t notes_cancelled_at;  // nanoseconds of CLOCK_MONOTONIC

  std::uint64_t frame_caller;    // tagged: see the next five
  std::uint64_t frame_awaiting;  // a source_location
  std::uint64_t frame_child;     // the address of a pointer to the child's frame, tagged by 1
  std::uint64_t frame_root_tag;  // of frame_caller: it points to the task
  std::uint64_t frame_tags;      // of frame_caller: all of them
  std::uint64_t frame_kind_mask;
  std::uint64_t frame_kind_shift;
  std::uint64_t frame_generator;  // kinds
  std::uint64_t frame_wrapper;

  std::uint64_t leaf_kind;    // uint8: a WaitKind
  std::uint64_t leaf_object;  // kind `task`: the task, if it is of this loop
  std::uint64_t kind_task;
  std::uint64_t kind_shield;
  std::uint64_t kind_lock;  // and the other two: the object has a holder
  std::uint64_t kind_read_lock;
  std::uint64_t kind_write_lock;
  std::uint64_t primitive_holder_id;

  std::uint64_t string_data;    // of a std::string
  std::uint64_t string_size;    //
  std::uint64_t location_file;  // of what a source_location points to
  std::uint64_t location_function;
  std::uint64_t location_line;  // uint32

  std::uint64_t task_polls;  // uint32
  std::uint64_t task_born;   // uint32: CLOCK_MONOTONIC >> born_shift, its low bits
  std::uint64_t born_shift;
  std::uint64_t primitive_name;    // a C string; null: none
  std::uint64_t kinds_primitive;   // a bit for each kind: the object has a name and a holder
  std::uint64_t kinds_lock;        // of those: the holder must give it back before the wait can end
  std::uint64_t kinds_timer;       // the object is an int64, nanoseconds of CLOCK_MONOTONIC: when it is due
  std::uint64_t kinds_descriptor;  // the object is an int32: the descriptor
  std::uint64_t kind_condition;    // the object has a lock too:
  std::uint64_t condition_lock;    // the address of a primitive
};

inline constexpr char debug_magic[16] = {'c', 'o', 't', 'e', 'r', 'i',  'e',  '-',
                                         'd', 'e', 'b', 'u', 'g', '\n', '\1', '\0'};
inline constexpr std::uint64_t debug_version = 1;

}  // namespace coterie::detail

extern "C" coterie::detail::DebugBlock coterie_debug_block;
