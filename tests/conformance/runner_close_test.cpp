// The end of a Runner, and of what its main leaves (list J).
#include <gmock/gmock.h>

#include "conformance/what_of.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 169. test_runners::RunTests.test_asyncio_run_reports_hanging_tasks_errors
COTERIE_CASE(Runner, ErrorOfALeftoverIsReported) {
  Runner runner(run_options());
  Reports reports(runner.loop());
  const auto main = []() -> Co<void> {
    spawn(named("left"), Subjects::crash_on_cancel, 1h, "late");
    co_await ticks(1);
  };
  runner.run(main());
  EXPECT_EQ(reports.count(), 0U);
  std::vector<std::string> told;
  runner.loop().set_exception_handler([&](const ErrorContext& context) {
    told.push_back(context.message + " " + context.task + " " + text(context.error));
  });
  runner.close();
  EXPECT_THAT(told, ElementsAre("unhandled exception during shutdown left late"));
}

AsyncGenerator<int> fidget() {
  for (;;) {
    co_yield 1;
    co_await sleep(1h);
  }
}

// 170. test_runners::RunTests.test_asyncio_run_closes_gens_after_hanging_tasks_errors. A generator belongs to
// who holds it, not to the loop: it ends with the leftover task that iterates it, and one that nobody
// iterates goes with its owner.
COTERIE_CASE(Runner, GeneratorsEndAfterTheLeftoversThatIterateThem) {
  AsyncGenerator<int> spinner = fidget();
  AsyncGenerator<int> idle = fidget();
  const auto main = [](AsyncGenerator<int>& spins, AsyncGenerator<int>& idles) -> Co<void> {
    spawn(
        [](AsyncGenerator<int>& generator) -> Co<void> {
          const auto spin = [](AsyncGenerator<int>& g) -> Co<void> {
            while (int* item = co_await g.next()) EXPECT_EQ(*item, 1);
          };
          Outcome<void> end = co_await outcome(spin(generator));
          EXPECT_TRUE(generator.done()) << "before the leftover goes on with its error";
          throw Boom("of the leftover");
        },
        std::ref(spins));
    int* item = co_await idles.next();
    EXPECT_EQ(*item, 1);
    co_await ticks(2);
    throw Boom("fancy exit");
  };
  std::vector<std::string> told;
  RunOptions options;
  options.loop_factory = [&told] {
    auto loop = new_event_loop(loop_options());
    loop->set_exception_handler(
        [&told](const ErrorContext& context) { told.push_back(text(context.error)); });
    return loop;
  };
  EXPECT_EQ(what_of([&] { coterie::run(main(spinner, idle), options); }), "fancy exit");
  EXPECT_THAT(told, ElementsAre("of the leftover"));
  EXPECT_TRUE(spinner.done());
  EXPECT_FALSE(idle.done());
}

// 171. test_runners::RunnerTests.test_explicit_close
COTERIE_CASE(Runner, UseAfterCloseIsAnError) {
  Runner runner(run_options());
  bool cancelled = false;
  const auto main = [](bool& seen) -> Co<void> {
    spawn(
        [](bool& flag) -> Co<void> {
          Outcome<void> end = co_await outcome(sleep(1h));
          flag = end.cancelled();
        },
        std::ref(seen));
    co_await ticks(1);
  };
  runner.run(main(cancelled));
  EXPECT_FALSE(cancelled) << "between runs the others stay";
  runner.close();
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(runner.closed());
  EXPECT_EQ(what_of([&] { runner.run(Subjects::nop()); }), "Runner is closed");
  EXPECT_EQ(what_of([&] { (void)runner.loop(); }), "Runner is closed");
}

// 171. test_runners::RunnerTests.test_double_close
COTERIE_CASE(Runner, ClosesTwiceAlsoWithoutALoop) {
  Runner used(run_options());
  used.run(Subjects::nop());
  used.close();
  used.close();
  Runner unused(run_options());
  unused.close();
  unused.close();
  EXPECT_EQ(what_of([&] { (void)unused.loop(); }), "Runner is closed");
}

// 171. test_runners::RunnerTests.test_second_with_block_raises: closing belongs to the destructor here
COTERIE_CASE(Runner, ClosesItselfAtTheEndOfItsScope) {
  bool ended = false;
  {
    Runner runner(run_options());
    const auto main = [](bool& flag) -> Co<void> {
      spawn(
          [](bool& done) -> Co<void> {
            (void)co_await outcome(sleep(1h));
            done = true;
          },
          std::ref(flag));
      co_await ticks(1);
    };
    runner.run(main(ended));
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace coterie
