// staggered_race() (list I). Names are those of CPython 3.14.7's test_staggered.

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

/// Counts who has started and who runs.
struct Runners {
  int started = 0;
  int running = 0;
};
class Running {
 public:
  explicit Running(Runners& runners) : runners_(&runners) {
    ++runners.started;
    ++runners.running;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { --runners_->running; }

 private:
  Runners* runners_;
};

template <class Co>
Co attempt(Runners& runners, Duration time, int value) {
  const Running here(runners);
  if (time >= Duration::zero()) co_await sleep(time);
  if (value < 0) throw Boom("attempt " + std::to_string(-value));
  co_return value;
}

// 166. StaggeredTests.test_multiple_winners, test_first_timeout_second_successful, test_cancelled
COTERIE_CASE(StaggeredRace, HasOneWinnerAndLeaksNoAttempt) {
  run([]() -> Task<void> {  // two end in one tick
    Runners runners;
    std::vector<Co<int>> attempts;
    for (int i = 0; i < 2; ++i) attempts.push_back(attempt<Co<int>>(runners, 1s, i));
    auto winner = co_await staggered_race(0s, std::move(attempts));
    EXPECT_EQ(winner.index, 0U);
    EXPECT_EQ(winner.value, 0);
    EXPECT_EQ(runners.started, 2);
    EXPECT_EQ(runners.running, 0);
  });
  run([]() -> Task<void> {  // the first is slow
    Runners runners;
    std::vector<Co<int>> attempts;
    attempts.push_back(attempt<Co<int>>(runners, 10s, 1));
    attempts.push_back(attempt<Co<int>>(runners, 0s, 2));
    attempts.push_back(attempt<Co<int>>(runners, 0s, 3));
    auto winner = co_await staggered_race(100ms, std::move(attempts));
    EXPECT_EQ(winner.index, 1U);
    EXPECT_EQ(winner.value, 2);
    EXPECT_DOUBLE_EQ(seconds(), 0.1);
    EXPECT_EQ(runners.started, 2);  // the third was not needed
    EXPECT_EQ(runners.running, 0);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
  });
  run([]() -> Task<void> {  // cancelled
    Runners runners;
    auto racing = spawn(
        [](Runners& all) -> Co<int> {
          std::vector<Co<int>> attempts;
          for (int i = 0; i < 3; ++i) attempts.push_back(attempt<Co<int>>(all, 10s, i));
          auto winner = co_await staggered_race(1s, std::move(attempts));
          co_return winner.value;
        },
        std::ref(runners));
    co_await sleep(1500ms);
    racing.cancel("stop");
    std::string end = co_await end_of(racing);
    EXPECT_EQ(end, "cancelled: stop");
    EXPECT_EQ(runners.started, 2);
    EXPECT_EQ(runners.running, 0);
    EXPECT_DOUBLE_EQ(seconds(), 1.5);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
  });
}

COTERIE_CASE(StaggeredRace, FailureStartsTheNextAtOnce) {
  run([]() -> Task<void> {
    Runners runners;
    std::vector<Co<int>> attempts;
    attempts.push_back(attempt<Co<int>>(runners, 10ms, -1));
    attempts.push_back(attempt<Co<int>>(runners, Duration(-1), -2));
    attempts.push_back(attempt<Co<int>>(runners, 10ms, 3));
    auto winner = co_await staggered_race(1h, std::move(attempts));
    EXPECT_EQ(winner.index, 2U);
    EXPECT_DOUBLE_EQ(seconds(), 0.02);
  });
}

COTERIE_CASE(StaggeredRace, AllFailures) {
  run([]() -> Task<void> {
    Runners runners;
    std::vector<Co<int>> attempts;
    attempts.push_back(attempt<Co<int>>(runners, 50ms, -1));
    attempts.push_back(attempt<Co<int>>(runners, 10ms, -2));
    auto end = co_await outcome(staggered_race(20ms, std::move(attempts)));
    EXPECT_EQ(text(end), "group(attempt 1; attempt 2)");
    EXPECT_EQ(runners.started, 2);
  });
}

// An attempt that is cancelled by itself has failed.
COTERIE_CASE(StaggeredRace, AttemptsAreTasksOfTheRacer) {
  run([]() -> Task<void> {
    auto racer = spawn(SpawnOptions().sched_class(7), []() -> Co<void> {
      std::vector<Co<std::uint64_t>> attempts;
      attempts.push_back([]() -> Co<std::uint64_t> {
        EventLoop::require_task().cancel(nullptr);
        co_await sleep(1s);
        co_return 0;
      }());
      attempts.push_back([]() -> Co<std::uint64_t> {
        const TaskRec& task = EventLoop::require_task();
        EXPECT_EQ(task.sched_class(), 7);
        co_return task.parent_id();
      }());
      auto winner = co_await staggered_race(1h, std::move(attempts));
      EXPECT_EQ(winner.index, 1U);
      EXPECT_EQ(winner.value, EventLoop::require_task().id());
    });
    co_await racer;
  });
}

}  // namespace
}  // namespace coterie
