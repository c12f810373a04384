// A loop closes over callers whose children still use a local of theirs, in every kind of wait.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// Frames that are destroyed while they wait, by a loop that closes over them.
COTERIE_CASE(Borrowed, LoopThatClosesOverEveryKindOfWait) {
  int alive = 0;
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](int& count) -> Task<void> {
    spawn(
        [](Probe local) -> Co<void> {
          auto use = [](const Probe& probe) -> Co<int> {
            const Probe copy(probe);
            co_await sleep(1h);
            co_return copy.value();
          };
          co_await gather(use(local), use(local));
        },
        Probe(count));
    spawn(
        [](Probe local) -> Co<void> {
          auto use = [](const Probe& probe) -> Co<int> {
            const Probe copy(probe);
            co_await sleep(1h);
            co_return copy.value();
          };
          co_await race(use(local), use(local));
        },
        Probe(count));
    auto task = spawn(Subjects::sleeper, 1h);
    spawn(
        [](Probe, JoinHandle<void> other) -> Co<void> {
          WaitOptions limit;
          limit.timeout(1h);
          co_await wait(limit, other);
        },
        Probe(count), task);
    spawn(
        [](Probe, JoinHandle<void> other) -> Co<void> {
          auto completed = as_completed(other);
          co_await completed.next();
        },
        Probe(count), task);
    spawn(
        [](Probe) -> Co<void> {
          Future<int> never;
          co_await never;
        },
        Probe(count));
    spawn(
        [](Probe) -> Co<void> {
          TaskScope scope;
          scope.spawn(Subjects::sleeper, 1h);
          co_await scope.join();
        },
        Probe(count));
    co_await ticks(4);
  }(alive));
  loop.loop().close();
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace coterie
