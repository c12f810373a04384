#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "coterie/core/runnable.hpp"
#include "coterie/core/stack_frame.hpp"

namespace coterie {

class Poller;

/// The loop that something was to happen on has closed before it did.
class LoopClosed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Something that travels to a loop from another thread and waits there for its turn. Exactly one of run()
/// and drop() is called, and disposes of it: run() by the loop's thread; drop() by the thread that closes
/// the loop, or by the one that posted it too late.
class Posted : public Runnable {
 protected:
  Posted() noexcept { set_sched_class(runtime_class); }
  ~Posted() = default;

 private:
  friend class Inbox;
  Posted* next_ = nullptr;
};

struct DropPosted {
  void operator()(Posted* item) const noexcept { item->drop(); }
};
using PostedPtr = std::unique_ptr<Posted, DropPosted>;

namespace detail {
/// Inside a `catch`: "Exception in callback", to the loop that runs here; `Fatal` ends its run.
void report_callback_error(const Runnable& callback, std::source_location where = {},
                           const Stack* created = nullptr) noexcept;
}  // namespace detail

/// `fn()` for a loop to run.
template <class Fn>
[[nodiscard]] PostedPtr make_posted(Fn&& fn) {
  struct Call final : Posted {
    explicit Call(Fn&& callable) : fn(std::forward<Fn>(callable)) {}
    void run() noexcept override {
      try {
        fn();
      } catch (...) {
        detail::report_callback_error(*this);
      }
      delete this;
    }
    void drop() noexcept override { delete this; }
    std::decay_t<Fn> fn;
  };
  return PostedPtr(new Call(std::forward<Fn>(fn)));
}

/// The loop's letter box: the one part of it that other threads touch. It outlives the loop for whoever holds
/// it; after the loop closed, posts are refused. Lock-free; one wake-up of the loop per non-empty spell.
class Inbox {
 public:
  explicit Inbox(Poller& poller) noexcept : poller_(&poller) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox();

  /// Any thread. False when the loop has closed: `item` is dropped.
  bool post(PostedPtr item) noexcept;
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
