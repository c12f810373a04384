#pragma once
#include <cstddef>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "coterie/spawn.hpp"
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

/// Items between the tasks of one loop, first in, first out; bounded when `max_size` is not 0
/// (asyncio.Queue). An item is never carried by a waiter: who is woken looks again, so that a cancelled `get`
/// loses nothing and a cancelled `put` has not put. Not thread-safe.
template <class T>
class Queue {
 public:
  explicit Queue(std::size_t max_size = 0) noexcept : max_size_(max_size) {}

  /// Waits for an item. QueueShutDown once the queue is shut down and empty.
  [[nodiscard]] Task<T> get() {
    while (items_.empty()) {
      if (shut_down_) throw QueueShutDown();
      Waiter waiter(*this, getters_, WaitKind::queue_get);
      co_await waiter;
    }
    co_return get_nowait();
  }
  /// Waits for room. QueueShutDown once the queue is shut down.
  [[nodiscard]] Task<void> put(T item) {
    while (full()) {
      if (shut_down_) throw QueueShutDown();
      Waiter waiter(*this, putters_, WaitKind::queue_put);
      co_await waiter;
    }
    put_nowait(std::move(item));
  }
  /// QueueEmpty, or QueueShutDown.
  T get_nowait() {
    if (items_.empty()) {
      if (shut_down_) throw QueueShutDown();
      throw QueueEmpty();
    }
    T item = std::move(items_.front());
    items_.pop_front();
    wake_next(putters_);
    return item;
  }
  /// QueueFull, or QueueShutDown.
  void put_nowait(T item) {
    if (shut_down_) throw QueueShutDown();
    if (full()) throw QueueFull();
    items_.push_back(std::move(item));
    ++unfinished_;
    wake_next(getters_);
  }

  /// An item that was got has been dealt with; InvalidState when called more often than items were put.
  void task_done() {
    if (unfinished_ == 0) throw InvalidState("task_done() called too many times");
    if (--unfinished_ == 0) joiners_.wake_all();
  }
  /// Waits until every item that was put has been dealt with.
  [[nodiscard]] Task<void> join() {
    while (unfinished_ > 0) {
      Waiter waiter(*this, joiners_, WaitKind::queue_join);
      co_await waiter;
    }
  }
  /// From now on put() throws QueueShutDown, get() too once the queue is empty; `immediate` empties it now.
  /// Everyone who waits is woken to see it. (CPython 3.13)
  void shutdown(bool immediate = false) {
    shut_down_ = true;
    if (immediate)
      while (!items_.empty()) {
        items_.pop_front();
        if (unfinished_ > 0) task_done();
      }
    getters_.wake_all();
    putters_.wake_all();
  }

  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  [[nodiscard]] bool full() const noexcept { return max_size_ != 0 && items_.size() >= max_size_; }
  [[nodiscard]] std::size_t max_size() const noexcept { return max_size_; }
  [[nodiscard]] std::size_t getters_waiting() const noexcept { return getters_.size(); }
  [[nodiscard]] std::size_t putters_waiting() const noexcept { return putters_.size(); }

 private:
  class Waiter final : public ListedWaiter {
   public:
    Waiter(Queue& queue, WaitList& list, WaitKind kind) noexcept
        : ListedWaiter(kind, list, &queue), queue_(&queue), list_(&list) {}
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      enter();
      suspend(caller);
    }
    void await_resume() {
      leave();
      deliver();
    }

   private:
    void undo() noexcept override {  // woken, then cancelled: what woke it may serve another
      const bool progress = list_ == &queue_->getters_ ? !queue_->empty() : !queue_->full();
      if (progress && list_ != &queue_->joiners_) queue_->wake_next(*list_);
    }
    Queue* queue_;
    WaitList* list_;
  };
  void wake_next(WaitList& list) noexcept {
    if (ListedWaiter* next = list.first_waiting()) WaitList::wake(*next);
  }

  const std::size_t max_size_;
  std::deque<T> items_;
  std::size_t unfinished_ = 0;
  bool shut_down_ = false;
  WaitList getters_;
  WaitList putters_;
  WaitList joiners_;
};

}  // namespace coterie
