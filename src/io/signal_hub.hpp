#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "src/io/descriptor.hpp"

namespace coterie::io::detail {

/// Bit n stands for signal n.
using SignalMask = std::uint64_t;
[[nodiscard]] constexpr SignalMask signal_bit(int signo) noexcept {
  return SignalMask{1} << (signo - 1);
}

struct SignalSlot;

/// Who hears of signals on a loop. Signals of one process reach every watcher that asked for them; but those
/// of `last_resort` watchers (run()) only when no other wants them.
///
/// The handler may run on any thread: it sets bits in a slot of a static table and writes to the slot's
/// eventfd, which the loop watches. Slots and their eventfds are used again and never freed, so that a
/// handler that is late finds nothing that has gone.
class SignalWatcher final : private ReadyNode {
 public:
  enum class Role : unsigned char {
    normal,
    /// Takes only signals whose disposition is the default one; and when the loop has not answered the last
    /// two of three or more, the handler itself ends the process.
    last_resort,
  };
  using Callback = std::function<void(int signo)>;

  /// `callback` runs on the loop, in no task, once for each signal that has arrived at least once since,
  /// lowest number first. Installs handlers. Throws std::system_error, or std::length_error beyond 64
  /// watchers.
  SignalWatcher(EventLoop& loop, SignalMask mask, Role role, Callback callback);
  /// The last watcher of a signal gives it back the disposition that it had.
  ~SignalWatcher() override;

  /// What it has not been refused: see Role::last_resort.
  [[nodiscard]] SignalMask mask() const noexcept { return mask_; }

 private:
  void on_ready(std::error_code error) noexcept override;

  SignalSlot* slot_;
  SignalMask mask_;
  Callback callback_;
  std::shared_ptr<DescriptorState> event_;
};

}  // namespace coterie::io::detail
