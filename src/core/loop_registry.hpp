#pragma once
#include <memory>
#include <vector>

#include "coterie/loop.hpp"

namespace coterie::detail {

/// The loops of this process, for those who look from another thread, from another process or into a core.
class LoopRegistry {
 public:
  static void add(EventLoop& loop) noexcept;
  static void remove(EventLoop& loop) noexcept;

  /// A loop as another thread may know it: the address serves as a name.
  struct Entry {
    const EventLoop* loop = nullptr;
    std::shared_ptr<Inbox> inbox;
    std::int32_t thread = 0;  // on which it runs; 0: none
    Entry(const EventLoop& its, std::shared_ptr<Inbox> box, std::int32_t tid)
        : loop(&its), inbox(std::move(box)), thread(tid) {}
  };
  /// The loop's ticks are looked at, or only where something else asks for it. On its thread.
  static void observe(EventLoop& loop, bool on) noexcept;

  /// In the order of their making. Any thread.
  [[nodiscard]] static std::vector<Entry> all();
};

}  // namespace coterie::detail
