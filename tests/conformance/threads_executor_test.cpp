// Executors: late results, and the end of a pool (list P).
#include <gmock/gmock.h>

#include <latch>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Holds a thread of a pool until it is let go. What is left to itself must own what it uses: the gate is
/// shared, and `gone` tells when the last of those who held it has let go.
struct Gate {
  explicit Gate(std::latch& last) : gone(last) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { gone.count_down(); }
  void pass() {
    entered.count_down();
    open.wait();
  }
  std::latch entered{1};
  std::latch open{1};
  std::latch& gone;
};
/// Opens it and waits until the thread is through with its job.
void let_go(std::shared_ptr<Gate> gate, std::latch& gone) {
  gate->open.count_down();
  gate.reset();
  gone.wait();
}

// 241. test_events::EventLoopTestsMixin.test_run_in_executor_cancel
COTERIE_CASE(ThreadsExecutor, LateResultDoesNotCallIntoAClosedLoop) {
  ThreadPool pool(1);
  std::latch gone(1);
  auto gate = std::make_shared<Gate>(gone);
  bool called = false;
  // A real loop: a virtual one does not let its clock run on while a thread is waited for.
  coterie::run(
      [](ThreadPool& p, std::shared_ptr<Gate> g, bool& c) -> Co<void> {
        Future<void> job = run_in_executor(p, [](const std::shared_ptr<Gate>& x) { x->pass(); }, g);
        job.add_done_callback([&c](const Future<void>&) { c = true; });
        g->entered.wait();
        job.cancel();
        co_await ticks(3);
        EXPECT_TRUE(c) << "the cancelled future's own callback";
        c = false;
        bool joined = co_await shutdown_executor(p, 1ms);
        EXPECT_FALSE(joined);
      }(pool, gate, called),
      run_options());
  let_go(std::move(gate), gone);
  EXPECT_FALSE(called);
}

// 243. test_base_events::BaseEventLoopTests.test_shutdown_default_executor_timeout
TEST(ThreadsExecutor, ShutdownJoinsUpToTheLimitThenWarnsAndLetsGo) {
  std::latch gone(1);
  auto gate = std::make_shared<Gate>(gone);
  {
    ThreadPool pool(2);
    coterie::run(
        [](ThreadPool& p, std::shared_ptr<Gate> g) -> Task<void> {
          Reports reports(EventLoop::current());
          Future<void> stuck = run_in_executor(p, [](const std::shared_ptr<Gate>& x) { x->pass(); }, g);
          g->entered.wait();
          bool joined = co_await shutdown_executor(p, 10ms);
          EXPECT_FALSE(joined);
          stuck.cancel();
          std::string refused;
          try {
            (void)run_in_executor(p, [] {});
          } catch (const std::logic_error& error) {
            refused = error.what();
          }
          EXPECT_THAT(refused, HasSubstr("shut down"));
          EXPECT_THAT(reports.messages(), ElementsAre(HasSubstr("did not finish joining")));
        }(pool, gate),
        run_options());
  }  // the pool goes, its thread runs on
  let_go(std::move(gate), gone);
}

// 243. test_base_events::BaseEventLoopTests.test_shutdown_default_executor_timeout: nothing to warn of
COTERIE_CASE(ThreadsExecutor, ShutdownWaitsForWhatRunsWithinTheLimit) {
  ThreadPool pool(2);
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](ThreadPool& p) -> Co<void> {
    Future<int> last = run_in_executor(p, [] { return 7; });
    int value = co_await last;
    EXPECT_EQ(value, 7);
    bool joined = co_await shutdown_executor(p, Duration::max());
    EXPECT_TRUE(joined);
  }(pool));
  EXPECT_EQ(reports.count(), 0U);
}

}  // namespace
}  // namespace coterie
