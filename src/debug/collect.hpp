#pragma once
#include <chrono>

#include "src/debug/native_stack.hpp"
#include "src/debug/report.hpp"

namespace coterie::debug {

/// Looks at all loops of this process from a thread that runs none of them.
class Collector {
 public:
  /// A loop that has not answered then is read without its help.
  static constexpr std::chrono::milliseconds patience{200};

  explicit Collector(bool native_stacks) noexcept : stacks_(native_stacks) {}

  /// `stop`: a descriptor that becomes readable where nobody wants the answer any more.
  [[nodiscard]] Report collect(int stop);

 private:
  NativeStacks stacks_;
};

}  // namespace coterie::debug
