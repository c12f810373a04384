#pragma once
#include <source_location>
#include <string>
#include <vector>

#include "coterie/debug/stack.hpp"
#include "coterie/loop.hpp"

namespace coterie::debug {

/// What a loop's thread writes down of its tasks: numbers and addresses of constants, in flat arrays, for the
/// loop stands still meanwhile. Another thread makes text of it.
struct Capture {
  struct Task {
    TaskSnapshot seen;  // without stack, waits_for and awaited_by
    std::source_location spawned_at;
    std::size_t frames = 0;  // so many of `frames`
  };
  struct FrameSeen {
    std::source_location where;
    FrameKind kind;
  };
  struct Wait {  // someone awaits a task
    std::size_t awaited = 0;
    std::uint64_t waiter = 0;
    bool here = false;  // at the very leaf where the waiter stands
  };
  std::int64_t thread = 0;
  std::vector<Task> tasks;
  std::vector<FrameSeen> frames;
  std::vector<Wait> waits;
};

/// On the loop's thread.
[[nodiscard]] Capture capture(const EventLoop& loop);
/// Any thread.
[[nodiscard]] LoopSnapshot resolve(Capture seen);
/// What the descriptors are that tasks of this process wait for, of the first thousand.
void add_endpoints(LoopSnapshot& loop);

}  // namespace coterie::debug
