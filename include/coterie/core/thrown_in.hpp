#pragma once
#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "coterie/core/stack_frame.hpp"

namespace coterie {

/// Where an exception came from: the task that threw it, and the coroutines in which it stood then.
struct ThrownIn {
  std::uint64_t task = 0;
  std::string name;  ///< of the task
  Stack stack;  ///< innermost first, at most 64; a line is that of the newest `co_await` before the throw

  ThrownIn() = default;
  /// A line for each coroutine, each after a newline: `   at app::decode() image.cpp:30`.
  [[nodiscard]] std::string str() const;
};

/// What is known of the exception, which is noted when it first leaves a coroutine and forgotten when it is
/// destroyed: whatever way it takes, through handles, groups, outcomes and threads. Nothing for a
/// `Cancelled`, for one that left no coroutine, and where exceptions are not those of libstdc++. Any thread.
///
/// It costs nothing until something is thrown, and then a small part of what C++ takes for that.
[[nodiscard]] std::optional<ThrownIn> thrown_in(const std::exception_ptr& error);

}  // namespace coterie
