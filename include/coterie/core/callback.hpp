#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "coterie/core/context_slot.hpp"
#include "coterie/core/timer_heap.hpp"

namespace coterie {

class EventLoop;
class Poller;

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
    virtual void dispose() noexcept = 0;
    void run() noexcept final;
    void drop() noexcept final { release(); }
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
    std::unique_ptr<const std::vector<std::source_location>> created;  // in debug mode

   protected:
    ~Call() = default;
  };
  template <class Fn>
  struct CallOf final : Call {
    template <class F>
    CallOf(EventLoop& owner, std::source_location origin, F&& callable)
        : Call(owner, origin), fn(std::forward<F>(callable)) {}
    void invoke() override { fn(); }
    void dispose() noexcept override { delete this; }
    Fn fn;
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

/// Something to run on a loop, from another thread.
class Posted {
 public:
  Posted() = default;
  Posted(const Posted&) = delete;
  Posted& operator=(const Posted&) = delete;
  virtual ~Posted() = default;
  virtual void run() = 0;

 private:
  friend class Inbox;
  Posted* next_ = nullptr;
};

template <class Fn>
[[nodiscard]] std::unique_ptr<Posted> make_posted(Fn&& fn) {
  struct Call final : Posted {
    explicit Call(Fn&& callable) : fn(std::forward<Fn>(callable)) {}
    void run() override { fn(); }
    std::decay_t<Fn> fn;
  };
  return std::make_unique<Call>(std::forward<Fn>(fn));
}

/// The loop's letter box: the one part of it that other threads touch. It outlives the loop for whoever holds
/// it; after the loop closed, posts are refused. Lock-free; one wake-up of the loop per non-empty spell.
class Inbox {
 public:
  explicit Inbox(Poller& poller) noexcept : poller_(&poller) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox();

  /// Any thread. False when the loop has closed: `item` is destroyed.
  bool post(std::unique_ptr<Posted> item);
  /// The loop has not begun to close. On the loop's thread this says that it is still there.
  [[nodiscard]] bool open() const noexcept { return !closed_.load(std::memory_order_relaxed); }

 private:
  friend class EventLoop;
  [[nodiscard]] bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }
  /// In the order of posting.
  [[nodiscard]] Posted* take() noexcept;
  static Posted* next(Posted& item) noexcept { return item.next_; }
  void close() noexcept;

  std::atomic<Posted*> head_{nullptr};
  std::atomic<std::uint32_t> posting_{0};  // posts in flight: close() waits for them before the poller goes
  std::atomic<bool> closed_{false};
  Poller* poller_;
};

}  // namespace coterie
