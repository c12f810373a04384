#pragma once
#include <concepts>
#include <memory>
#include <string>

#include "coterie/core/leaf.hpp"

namespace coterie::io {

/// "SIGTERM"; "signal 40" for those without a name.
[[nodiscard]] std::string signal_name(int signo);

/// Signals of the process, as something to await. While it lives, these signals do nothing but come here: not
/// even to run(), which takes SIGINT and SIGTERM otherwise. When the last set of a signal goes, the
/// disposition that it had comes back.
///
///     io::SignalSet reload(SIGHUP);
///     for (;;) {
///       co_await reload.next();
///       …
///     }
///
/// As in Unix, a signal that comes again before it was taken counts once. Every set gets its own copy; tasks
/// that wait at one set share: first come, first served. Belongs to the loop that runs when it is made and to
/// its thread.
class SignalSet {
 public:
  /// std::system_error for a signal that cannot be handled (SIGKILL); std::logic_error without a loop with
  /// real I/O; std::length_error beyond 64 sets in the process.
  template <std::convertible_to<int>... Signals>
    requires(sizeof...(Signals) > 0)
  explicit SignalSet(Signals... signals) : SignalSet() {
    (add(signals), ...);
    start();
  }
  SignalSet(SignalSet&&) noexcept;
  SignalSet& operator=(SignalSet&&) noexcept;
  /// Nobody may be waiting at it.
  ~SignalSet();

  class Shared;
  class Awaiter final : public Leaf {
   public:
    explicit Awaiter(Shared& state);
    /// For next_signal(): keeps the set as long as it waits.
    explicit Awaiter(SignalSet set);
    ~Awaiter();
    [[nodiscard]] bool await_ready() noexcept;
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      attach();
      suspend(caller);
    }
    int await_resume();
    CancelReply cancel(const CancelMessage& message) override;

   private:
    friend class Shared;
    void attach() noexcept;
    void detach() noexcept;
    void undo() noexcept override;
    std::unique_ptr<SignalSet> owned_;
    Shared* state_;
    int signo_ = 0;
    Awaiter* next_ = nullptr;
    Awaiter* prev_ = nullptr;
    bool queued_ = false;
  };
  /// The number of the next signal. A cancel detaches at once; a signal that had been given to the task then
  /// goes to the next.
  [[nodiscard]] Awaiter next();

 private:
  friend class Awaiter;
  SignalSet();
  void add(int signo);
  void start();
  std::unique_ptr<Shared> state_;
};

/// Waits for one of `signals` once: `int signo = co_await io::next_signal(SIGTERM, SIGHUP);` Between two such
/// calls the signals have their usual effect; to miss none in a loop, keep a SignalSet.
template <std::convertible_to<int>... Signals>
[[nodiscard]] SignalSet::Awaiter next_signal(Signals... signals) {
  return SignalSet::Awaiter(SignalSet(signals...));
}

}  // namespace coterie::io
