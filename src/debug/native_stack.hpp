#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace coterie::debug {

/// The native stack of a thread of this process, which is interrupted for it by the signal SIGRTMAX - 4: its
/// handler unwinds, and makes no text. One thread at a time asks.
class NativeStacks {
 public:
  /// Loads the unwinder, which must not happen in a handler, and installs the handler where nobody else has.
  explicit NativeStacks(bool wanted) noexcept;

  /// Innermost first, a line a frame. Empty, and `why` says so: not wanted, the signal is somebody else's, or
  /// the thread has not answered within a fifth of a second.
  [[nodiscard]] std::vector<std::string> of_thread(std::int64_t thread, std::string& why) const;

 private:
  bool wanted_;
};

/// `function() program+0x1234`: from the symbols that the file has, also those that are not exported.
[[nodiscard]] std::string describe_address(const void* address);

}  // namespace coterie::debug
