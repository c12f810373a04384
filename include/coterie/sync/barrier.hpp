#pragma once
#include <cstddef>
#include <stdexcept>

#include "coterie/sync/wait_list.hpp"

namespace coterie {

/// The round that a task waited for at a Barrier will not come: the barrier was reset or aborted.
class BrokenBarrier : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Tasks wait for each other here: when the last of a number of parties arrives, all go on (asyncio.Barrier).
/// Of one loop; not thread-safe.
///
///                 the last one arrives              the last one has left
///      filling ─────────────────────────▶ draining ───────────────────────▶ filling
///         │                                  │
///         │ reset()                          │ reset()
///         └──────────────▶ resetting ◀───────┘      the last one has left ─▶ filling
///
///      any ──abort()──▶ broken ──reset()──▶ resetting, or filling when nobody is inside
///
/// Who comes while it is draining or resetting waits outside, and belongs to the next round.
class Barrier : public LoopBound {
 public:
  class [[nodiscard("co_await it: it does not wait by itself")]] Awaiter final : public ListedWaiter {
   public:
    explicit Awaiter(Barrier& barrier) noexcept
        : ListedWaiter(WaitKind::barrier, barrier.waiters_, barrier), barrier_(&barrier) {}
    ~Awaiter() { abandon(); }
    bool await_ready() { return barrier_->pass_at_once(*this); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      enter();
      if (barrier_->phase_ == Phase::filling) barrier_->let_in(*this);
      suspend(caller);
    }
    std::size_t await_resume();

   private:
    friend class Barrier;
    enum class Place : unsigned char { outside, inside, passed, failed };
    void gave_up(bool) noexcept override { barrier_->left(*this); }

    Barrier* barrier_;
    std::size_t index_ = 0;
    Place place_ = Place::outside;
    bool counted_ = false;
  };

  /// std::invalid_argument when `parties` is 0.
  explicit Barrier(std::size_t parties);

  /// Waits until as many tasks as there are parties wait here; the last does not suspend. Gives each of the
  /// round another index, 0 to parties - 1, in the order of their coming. BrokenBarrier after abort() or
  /// reset(), also for who was let through but has not run yet. A cancelled task does not count any more:
  /// the indices are given when the round is complete, so that they have no gaps (asyncio's have, gh-155233).
  Awaiter wait() noexcept { return Awaiter(*this); }
  /// Who waits inside gets BrokenBarrier; who waits outside, and who comes, begins the next round.
  void reset();
  /// Everyone who waits gets BrokenBarrier, and everyone who comes, until reset().
  void abort();

  [[nodiscard]] std::size_t parties() const noexcept { return parties_; }
  /// Those who wait for the round to be complete; 0 unless it is filling.
  [[nodiscard]] std::size_t waiting() const noexcept { return phase_ == Phase::filling ? inside_ : 0; }
  [[nodiscard]] bool broken() const noexcept { return phase_ == Phase::broken; }
  /// A round goes on after it was complete: some of its tasks have not run yet.
  [[nodiscard]] bool draining() const noexcept { return phase_ == Phase::draining; }

 private:
  enum class Phase : unsigned char { filling, draining, resetting, broken };
  [[nodiscard]] bool pass_at_once(Awaiter& awaiter);
  void left(Awaiter& awaiter) noexcept;
  void let_in(Awaiter& awaiter) noexcept;
  void pass_all() noexcept;
  void fail(bool outside_too) noexcept;

  WaitList waiters_;  // first those inside, then those outside
  const std::size_t parties_;
  std::size_t inside_ = 0;
  Phase phase_ = Phase::filling;
};

}  // namespace coterie
