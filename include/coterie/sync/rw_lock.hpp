#pragma once
#include <cstddef>

#include "coterie/spawn.hpp"
#include "coterie/sync/hold.hpp"
#include "coterie/sync/wait_list.hpp"

namespace coterie {

class ReadGuard;
class WriteGuard;

/// Many readers or one writer, among the tasks of one loop; asyncio has none. Readers and writers stand in
/// one line, first come, first served: a reader that comes after a waiting writer waits behind it, so neither
/// side starves the other. What is released is handed over at once. Not owned by a task, not reentrant: a
/// reader that asks again while a writer waits, waits for itself. Not thread-safe; it outlives who holds it.
class RwLock : public LoopBound {
  class Base : public ListedWaiter {
   public:
    Base(RwLock& lock, WaitKind kind) noexcept : ListedWaiter(kind, lock.waiters_, lock), lock_(&lock) {}
    bool await_ready() const noexcept {
      return lock_->waiters_.first_waiting() == nullptr && lock_->take(*this);
    }

   protected:
    ~Base() { abandon(); }
    [[nodiscard]] bool writes() const noexcept { return wait_info().kind == WaitKind::write_lock; }
    void finish() {
      if (suspended()) arrive_at_primitive();
    }
    void gave_up(bool woken) noexcept override {
      if (woken)  // it had the lock already
        writes() ? lock_->give_back_write() : lock_->give_back_read();
      else
        lock_->hand_over();  // who waited behind it may fit to those who hold it
    }
    RwLock* lock_;

   private:
    friend class RwLock;
  };

 public:
  class [[nodiscard("co_await it: nothing is acquired before")]] ReadAwaiter final : public Base {
   public:
    explicit ReadAwaiter(RwLock& lock) noexcept : Base(lock, WaitKind::read_lock) {}
    ReadGuard await_resume();
  };
  class [[nodiscard("co_await it: nothing is acquired before")]] WriteAwaiter final : public Base {
   public:
    explicit WriteAwaiter(RwLock& lock) noexcept : Base(lock, WaitKind::write_lock) {}
    WriteGuard await_resume();
  };

  RwLock() = default;
  /// With a name for dumps: see LoopBound::set_name().
  explicit RwLock(const char* name) noexcept : LoopBound(name) {}

  /// `ReadGuard guard = co_await lock.read();` `Cancelled` means that the lock was not taken.
  ReadAwaiter read() noexcept { return ReadAwaiter(*this); }
  /// `WriteGuard guard = co_await lock.write();`
  WriteAwaiter write() noexcept { return WriteAwaiter(*this); }

  [[nodiscard]] std::size_t readers() const noexcept { return readers_; }
  [[nodiscard]] bool writing() const noexcept { return writing_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiters_.size(); }

 private:
  friend class ReadGuard;
  friend class WriteGuard;
  [[nodiscard]] bool take(const Base& waiter) noexcept;
  void give_back_read() noexcept;
  void give_back_write() noexcept;
  void hand_over() noexcept;

  WaitList waiters_;
  std::size_t readers_ = 0;
  bool writing_ = false;
};

/// Holds an RwLock for reading and releases it at the end of its scope. Movable.
class [[nodiscard("the lock is released when this goes")]] ReadGuard
    : public detail::Hold<RwLock, &RwLock::give_back_read> {
 public:
  using Hold::Hold;
  void unlock() noexcept { give_up(); }
};

/// Holds an RwLock for writing and releases it at the end of its scope. Movable.
class [[nodiscard("the lock is released when this goes")]] WriteGuard
    : public detail::Hold<RwLock, &RwLock::give_back_write> {
 public:
  using Hold::Hold;
  void unlock() noexcept { give_up(); }
};

inline ReadGuard RwLock::ReadAwaiter::await_resume() {
  finish();
  return ReadGuard(*lock_);
}
inline WriteGuard RwLock::WriteAwaiter::await_resume() {
  finish();
  return WriteGuard(*lock_);
}

}  // namespace coterie
