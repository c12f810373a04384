#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "coterie/testing/random.hpp"
#include "coterie/testing/virtual_loop.hpp"

namespace coterie::testing {

/// When a cancel hits a task, counted from an await of it.
enum class CancelMoment : std::uint8_t {
  waiting,  ///< as soon as it is suspended
  woken,    ///< when it is about to go on: it was given what it waited for, and must not keep it
};

/// One await of a history: the `await`-th place, from 1, where a subject was about to start or was suspended.
struct CancelPoint {
  std::uint64_t await = 1;
  CancelMoment moment = CancelMoment::waiting;
};

/// What a SeededLoop does to the tasks on it.
struct SeedOptions {
  /// Tasks that are ready in the same tick run in an order that the seed chooses. Plain callbacks and timers
  /// keep theirs: call_soon() promises it.
  bool shuffle = true;
  /// Each start and each await of a subject is followed by a cancel once in so many times: at once, a few
  /// steps later, or when it is woken. 0: never.
  std::uint32_t cancel_one_in = 8;
  /// Exactly this one is cancelled instead.
  std::optional<CancelPoint> cancel_at;
  /// A history that takes more steps than this is reported as endless.
  std::uint64_t max_steps = 1'000'000;
  /// The first seed of several histories, so that a long run can be cut into tests that run side by side.
  std::uint64_t first_seed = 1;

  SeedOptions() = default;
};

/// A virtual loop on which one seed is one history: the seed decides in which order ready tasks run and which
/// awaits of its subjects are cancelled, and the same seed does so again on every machine. What a scenario
/// decides by random() belongs to the history too; what it takes from clocks, addresses or threads does not.
/// Of one thread.
class SeededLoop {
 public:
  explicit SeededLoop(std::uint64_t seed, SeedOptions options = SeedOptions());
  ~SeededLoop();
  SeededLoop(const SeededLoop&) = delete;
  SeededLoop& operator=(const SeededLoop&) = delete;

  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] EventLoop& loop() noexcept { return virtual_.loop(); }
  [[nodiscard]] double seconds() const noexcept { return virtual_.seconds(); }
  /// See VirtualLoop::block_for().
  void block_for(Duration time) noexcept { virtual_.block_for(time); }
  /// For the scenario's own choices.
  [[nodiscard]] Random& random() noexcept { return random_; }

  /// From now on the seed may cancel this task; `auto worker = seeded.subject(spawn(work));`. Tasks that it
  /// spawns are not meant. Marked before its first step, it may be cancelled before that.
  template <class T>
  JoinHandle<T> subject(JoinHandle<T> task) {
    mark(task.state());
    return task;
  }
  /// How often the seed has requested a cancel of this subject. What cancelling() counts beyond that nobody
  /// has taken back, and what is missing somebody took back who should not have.
  template <class T>
  [[nodiscard]] std::uint32_t cancels_of(const JoinHandle<T>& task) const {
    return cancels_of(task.id());
  }
  [[nodiscard]] std::uint32_t cancels_of(std::uint64_t task_id) const;
  /// Of all subjects so far: places where a cancel was possible, and cancels.
  [[nodiscard]] std::uint64_t awaits() const noexcept;
  [[nodiscard]] std::uint64_t cancels() const noexcept;

  /// Runs `body` as the task "main", which the seed never cancels, to its end; gives its value or throws what
  /// it threw, `Deadlock` when nothing can go on, std::runtime_error when it takes more than `max_steps`.
  template <class T, class How>
  T run(Task<T, How> body) {
    const JoinHandle<T> main = coterie::detail::start_main(loop(), std::move(body));
    run_until_ended(main.state());
    return coterie::detail::take_main(main);
  }

 private:
  class Queue;
  void mark(TaskRec& task);
  void run_until_ended(TaskRec& main);

  std::uint64_t seed_;
  std::uint64_t max_steps_;
  Random random_;
  Queue* queue_;
  VirtualLoop virtual_;
};

/// A history failed. what() has the seed, what went wrong, and the command that replays it.
class HistoryFailed : public std::runtime_error {
 public:
  HistoryFailed(std::uint64_t seed, const std::string& what) : std::runtime_error(what), seed_(seed) {}
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

 private:
  std::uint64_t seed_;
};

/// What is run once per history; it may be a lambda with captures, which outlives its coroutine.
using Scenario = std::function<Task<void>(SeededLoop&)>;

/// Runs `scenario` under `seeds` seeds, from `options.first_seed` on: 1. The first that throws (a failed
/// check, a Deadlock) ends it with HistoryFailed. In the environment, COTERIE_SEED=n replays history n alone
/// and COTERIE_SEEDS=n changes how many there are. When the process dies inside a history, by a sanitizer, an
/// abort or a signal, the seed is printed too.
void for_each_seed(std::uint64_t seeds, const Scenario& scenario, SeedOptions options = SeedOptions());

/// Runs `scenario` once undisturbed and then once for every start and await of its subjects and both moments,
/// with a cancel exactly there: history 2k - 1 at the k-th while it waits, history 2k when it is woken. Order
/// is first in, first out, so that nothing but the cancel differs. COTERIE_SEED=n replays history n; 0 is the
/// undisturbed one.
void for_each_cancel(const Scenario& scenario, SeedOptions options = SeedOptions());

namespace detail {
/// The same for a test framework: `name` filters the one test in the replay command, and after each history
/// `failed()` tells whether a check failed. Gives what to report, empty when all went well.
[[nodiscard]] std::string try_each_seed(std::uint64_t seeds, const Scenario& scenario, SeedOptions options,
                                        const std::string& name, bool (*failed)());
[[nodiscard]] std::string try_each_cancel(const Scenario& scenario, SeedOptions options,
                                          const std::string& name, bool (*failed)());
/// What is wrong with the end of a coroutine test, as text.
[[nodiscard]] std::string describe(const std::exception_ptr& error);
}  // namespace detail

}  // namespace coterie::testing
