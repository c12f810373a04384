#pragma once
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "coterie/core/context_slot.hpp"
#include "coterie/core/stack_frame.hpp"
#include "coterie/core/timer_heap.hpp"

namespace coterie {

class EventLoop;

/// A callback of a loop, queued or timed: asyncio's Handle. Copyable; all copies mean the same callback,
/// which the loop keeps as long as it is due. It runs in a copy of the context in which it was registered.
/// Loop thread only.
class CallbackHandle {
 public:
  CallbackHandle() noexcept = default;
  CallbackHandle(const CallbackHandle& other) noexcept : call_(other.call_) {
    if (call_ != nullptr) ++call_->refs;
  }
  CallbackHandle(CallbackHandle&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  CallbackHandle& operator=(CallbackHandle other) noexcept {
    std::swap(call_, other.call_);
    return *this;
  }
  ~CallbackHandle() {
    if (call_ != nullptr) call_->release();
  }

  /// It will not run (any more). Harmless when it has run.
  void cancel() noexcept;
  [[nodiscard]] bool cancelled() const noexcept { return call_ != nullptr && call_->cancelled; }
  /// When it is or was due; nothing for call_soon(). (asyncio.TimerHandle.when)
  [[nodiscard]] std::optional<TimePoint> when() const noexcept {
    return call_ != nullptr ? call_->when : std::nullopt;
  }

 private:
  friend class EventLoop;
  struct Call : Timer {
    Call(EventLoop& owner, std::source_location origin);
    virtual void invoke() = 0;
    /// What it holds goes; it may hold handles to this very callback.
    virtual void forget() noexcept = 0;
    virtual void dispose() noexcept = 0;
    void run() noexcept final;
    void drop() noexcept final {
      forget();
      release();
    }
    [[nodiscard]] std::string describe() const final;
    void release() noexcept {
      if (--refs == 0) dispose();
    }
    EventLoop* loop;
    std::uint32_t refs = 1;
    bool cancelled = false;
    std::optional<TimePoint> when;
    std::source_location where;
    detail::ContextSlot context;
    std::unique_ptr<const Stack> created;  // in debug mode

   protected:
    ~Call() = default;
  };
  template <class Fn>
  struct CallOf final : Call {
    template <class F>
    CallOf(EventLoop& owner, std::source_location origin, F&& callable)
        : Call(owner, origin), fn(std::forward<F>(callable)) {}
    void invoke() override { (*fn)(); }
    void forget() noexcept override {
      std::optional<Fn> last;
      if (fn) last.emplace(std::move(*fn));
      fn.reset();
    }
    void dispose() noexcept override { delete this; }
    std::optional<Fn> fn;
  };

  explicit CallbackHandle(Call* call) noexcept : call_(call) {}
  template <class Fn>
  static CallbackHandle make(EventLoop& loop, std::source_location where, Fn&& fn) {
    return CallbackHandle(new CallOf<std::decay_t<Fn>>(loop, where, std::forward<Fn>(fn)));
  }
  void queue();
  void arm(TimePoint when);

  Call* call_ = nullptr;
};

}  // namespace coterie
