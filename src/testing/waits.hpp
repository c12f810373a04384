#pragma once
#include <string>

#include "coterie/loop.hpp"

namespace coterie::testing {

/// A line for each task that waits: its name, what it waits for, and where. At most fifty.
[[nodiscard]] std::string describe_waits(const EventLoop& loop);

/// A task waits for another thread's answer.
[[nodiscard]] bool any_waits_for_thread(const EventLoop& loop) noexcept;

}  // namespace coterie::testing
