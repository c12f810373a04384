#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "coterie/core/context_slot.hpp"
#include "coterie/core/inbox.hpp"

namespace coterie {

class EventLoop;

/// A callback that was queued with call_soon_threadsafe(): asyncio's _ThreadSafeHandle (CPython 3.14).
/// Copyable; all copies mean the same callback; every member may be called from any thread.
///
///     queued ──▶ running ──▶ finished        cancel() before running: never runs
///        └─────────────────▶ finished
///
/// cancel() and cancelled() wait while the callback runs on another thread, so that after cancel() what the
/// callback uses may go. Inside the callback itself they do not wait. Two callbacks of two loops that cancel
/// each other at the same time wait for ever.
class ThreadsafeHandle {
 public:
  ThreadsafeHandle() noexcept = default;
  ThreadsafeHandle(const ThreadsafeHandle& other) noexcept : call_(other.call_) {
    if (call_ != nullptr) call_->add_ref();
  }
  ThreadsafeHandle(ThreadsafeHandle&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  ThreadsafeHandle& operator=(ThreadsafeHandle other) noexcept {
    std::swap(call_, other.call_);
    return *this;
  }
  ~ThreadsafeHandle() {
    if (call_ != nullptr) call_->release();
  }

  /// Before its start it never runs; while it runs elsewhere this waits for its end; later it is harmless.
  void cancel() const noexcept {
    if (call_ != nullptr) call_->cancel();
  }
  /// cancel() was called, at whatever time.
  [[nodiscard]] bool cancelled() const noexcept { return call_ != nullptr && call_->cancelled(); }
  /// The loop has taken the callback; false when it had closed.
  [[nodiscard]] explicit operator bool() const noexcept { return call_ != nullptr; }

 private:
  friend class EventLoop;
  class Call : public Posted {
   public:
    explicit Call(std::source_location where) : where_(where) {}
    [[nodiscard]] std::string describe() const final;
    void run() noexcept final;
    void drop() noexcept final;
    void cancel() noexcept;
    [[nodiscard]] bool cancelled() noexcept;
    void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
      if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) dispose();
    }

   protected:
    ~Call() = default;

   private:
    virtual void invoke() = 0;
    virtual void free_callable() noexcept = 0;
    virtual void dispose() noexcept = 0;
    [[nodiscard]] std::uint32_t wait_while_running(std::uint32_t state) noexcept;

    static constexpr std::uint32_t running_bit = 1;
    static constexpr std::uint32_t finished_bit = 2;
    static constexpr std::uint32_t cancelled_bit = 4;
    static constexpr std::uint32_t awaited_bit = 8;  // a thread sleeps until it is finished
    std::atomic<std::uint32_t> state_{0};
    std::atomic<std::uint32_t> refs_{2};  // the loop's, and the handle's
    std::thread::id runner_;              // set before running_bit
    std::source_location where_;
    detail::ContextSlot context_ = detail::ContextSlot::capture();  // of the thread that queued it
  };
  template <class Fn>
  class CallOf final : public Call {
   public:
    template <class F>
    CallOf(std::source_location where, F&& callable) : Call(where), fn_(std::forward<F>(callable)) {}

   private:
    void invoke() override { (*fn_)(); }
    void free_callable() noexcept override { fn_.reset(); }
    void dispose() noexcept override { delete this; }
    std::optional<Fn> fn_;
  };

  explicit ThreadsafeHandle(Call* call) noexcept : call_(call) {}
  template <class Fn>
  static ThreadsafeHandle post(EventLoop& loop, std::source_location where, Fn&& fn) {
    return post_call(loop, *new CallOf<std::decay_t<Fn>>(where, std::forward<Fn>(fn)));
  }
  static ThreadsafeHandle post_call(EventLoop& loop, Call& call);

  Call* call_ = nullptr;
};

}  // namespace coterie
