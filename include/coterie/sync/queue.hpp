#pragma once
#include <concepts>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/spawn.hpp"
#include "coterie/sync/queue_items.hpp"
#include "coterie/sync/wait_list.hpp"
#include "coterie/task.hpp"

namespace coterie {

class QueueEmpty : public std::runtime_error {
 public:
  QueueEmpty() : std::runtime_error("the queue is empty") {}
};
class QueueFull : public std::runtime_error {
 public:
  QueueFull() : std::runtime_error("the queue is full") {}
};
class QueueShutDown : public std::runtime_error {
 public:
  QueueShutDown() : std::runtime_error("the queue has been shut down") {}
};

/// Items between the tasks of one loop; bounded when `max_size` is not 0 (asyncio.Queue). `Items` says in
/// which order they come out: see LifoQueue and PriorityQueue below. An item is never carried by a waiter:
/// who is woken looks again, so that a cancelled `get` loses nothing and a cancelled `put` has not put.
/// As in asyncio, a task that comes while an item is there does not queue behind one that was woken for it.
/// Not thread-safe; it outlives who waits.
template <class T, class Items = FifoItems<T>>
class Queue : public LoopBound {
 public:
  explicit Queue(std::size_t max_size = 0) noexcept : max_size_(max_size) {}

  /// Waits for an item. QueueShutDown once the queue is shut down and empty.
  [[nodiscard("co_await it: nothing is got before")]] Task<T> get() {
    while (empty()) {
      if (shut_down_) throw QueueShutDown();
      Waiter waiter(*this, getters_, WaitKind::queue_get);
      co_await waiter;
    }
    co_return take();
  }
  /// Waits for room. QueueShutDown once the queue is shut down.
  template <class U = T>
    requires std::constructible_from<T, U&&>
  [[nodiscard("co_await it: nothing is put before")]] Task<void> put(U&& item) {
    COTERIE_GUARD_ARGUMENTS(U);
    return put_item(T(std::forward<U>(item)));
  }
  /// The same for an item that is made here, of `args`.
  template <class... Args>
  [[nodiscard("co_await it: nothing is put before")]] Task<void> emplace(Args&&... args) {
    COTERIE_GUARD_ARGUMENTS(Args...);
    return put_item(detail::make_item<T>(std::forward<Args>(args)...));
  }
  /// QueueEmpty, or QueueShutDown.
  T get_nowait() {
    if (empty()) [[unlikely]]
      throw_empty();
    return take();
  }
  /// QueueShutDown, or QueueFull.
  void put_nowait(T item) {
    if (shut_down_ || full()) [[unlikely]]
      throw_full();
    check_thread(!getters_.empty());
    items_.push(std::move(item));
    ++unfinished_;
    getters_.wake_one();
  }

  /// An item that was got has been dealt with; InvalidState when called more often than items were put.
  void task_done() {
    if (unfinished_ == 0) throw InvalidState("task_done() called too many times");
    check_thread(!joiners_.empty());
    if (--unfinished_ == 0) joiners_.wake_all();
  }
  /// Waits until every item that was put has been dealt with, for a moment: what is put behind that is not
  /// waited for.
  [[nodiscard("co_await it: it does not wait by itself")]] Task<void> join() {
    if (unfinished_ == 0) co_return;
    Waiter waiter(*this, joiners_, WaitKind::queue_join);
    co_await waiter;
  }
  /// From now on put() throws QueueShutDown, get() too once the queue is empty; `immediate` empties it now,
  /// each item as if it had been got and dealt with. Everyone who waits is woken to see it. (CPython 3.13)
  void shutdown(bool immediate = false) {
    check_thread(!getters_.empty() || !putters_.empty() || !joiners_.empty());
    shut_down_ = true;
    while (immediate && !empty()) {
      (void)items_.pop();
      if (unfinished_ > 0) task_done();
    }
    getters_.wake_all();
    putters_.wake_all();
  }

  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] bool empty() const noexcept { return items_.size() == 0; }
  [[nodiscard]] bool full() const noexcept { return max_size_ != 0 && items_.size() >= max_size_; }
  [[nodiscard]] std::size_t max_size() const noexcept { return max_size_; }
  [[nodiscard]] std::size_t getters_waiting() const noexcept { return getters_.size(); }
  [[nodiscard]] std::size_t putters_waiting() const noexcept { return putters_.size(); }

 private:
  [[noreturn]] void throw_empty() const {
    if (shut_down_) throw QueueShutDown();
    throw QueueEmpty();
  }
  [[noreturn]] void throw_full() const {
    if (shut_down_) throw QueueShutDown();
    throw QueueFull();
  }
  T take() {
    check_thread(!putters_.empty());
    T item = items_.pop();
    putters_.wake_one();
    return item;
  }
  Task<void> put_item(T item) {
    while (full()) {
      if (shut_down_) throw QueueShutDown();
      Waiter waiter(*this, putters_, WaitKind::queue_put);
      co_await waiter;
    }
    put_nowait(std::move(item));
  }
  class Waiter final : public ListedWaiter {
   public:
    Waiter(Queue& queue, WaitList& list, WaitKind kind) noexcept
        : ListedWaiter(kind, list, queue), queue_(&queue), list_(&list) {}
    ~Waiter() { this->abandon(); }
    bool await_ready() const noexcept { return false; }
    void await_resume() {
      if (!arrive() && this->wait_info().kind != WaitKind::queue_join) this->throw_gone();
    }

   private:
    void gave_up(bool woken) noexcept override {
      if (woken && queue_->may_go_on(*list_)) list_->wake_one();  // what woke it serves another
    }
    Queue* queue_;
    WaitList* list_;
  };
  [[nodiscard]] bool may_go_on(const WaitList& list) const noexcept {
    if (&list == &getters_) return !empty();
    return &list == &putters_ && !full();
  }

  const std::size_t max_size_;
  Items items_;
  std::size_t unfinished_ = 0;
  bool shut_down_ = false;
  WaitList getters_;
  WaitList putters_;
  WaitList joiners_;
};

/// The last item that was put comes out first (asyncio.LifoQueue).
template <class T>
using LifoQueue = Queue<T, LifoItems<T>>;

/// The smallest item by `Less` comes out first (asyncio.PriorityQueue). Of equal ones the first that was put,
/// which asyncio does not promise.
template <class T, class Less = std::less<T>>
using PriorityQueue = Queue<T, PriorityItems<T, Less>>;

}  // namespace coterie
