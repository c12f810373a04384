#pragma once
#include <cstddef>
#include <source_location>
#include <vector>

#include "coterie/core/runnable.hpp"
#include "coterie/poller.hpp"

namespace coterie {
class EventLoop;
}  // namespace coterie

namespace coterie::detail {

/// The coroutines of a task from the innermost outwards, each with the line it has reached; at most
/// `DebugMode::depth`.
using Places = std::vector<std::source_location>;

/// What a loop does beyond its work while it is in debug mode; it exists only then.
class DebugMode {
 public:
  static constexpr std::size_t depth = 10;  // asyncio.constants.DEBUG_STACK_DEPTH

  DebugMode(EventLoop& loop, Duration slow) noexcept : loop_(&loop), slow_(slow) {}
  DebugMode(const DebugMode&) = delete;
  DebugMode& operator=(const DebugMode&) = delete;
  ~DebugMode() = default;

  void set_slow(Duration slow) noexcept { slow_ = slow; }
  /// Runs one step and reports it when it took long.
  void step(Runnable& node) noexcept;

  /// Where the code that runs now stands.
  [[nodiscard]] Places here() const;

 private:
  EventLoop* loop_;
  Duration slow_;
};

}  // namespace coterie::detail
