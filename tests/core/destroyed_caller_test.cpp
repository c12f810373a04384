// Callers that are destroyed, or refused, while they wait for others: who goes first, and who is told.
#include <gtest/gtest.h>

#include "core/at_end.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

/// A caller of a structured wait is destroyed with its scope: the child goes first.
template <class Wait>
void destroy_caller(Wait wait) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  int alive = 0;
  loop.run([](Wait& of, int& count) -> Task<void> {
    TaskScope scope;
    scope.spawn(
        [](Wait& how, int& n) -> Task<void> {
          Probe local(n, 1);
          auto use = [](const Probe& probe) -> Task<void> {
            AtEnd look([&probe] { EXPECT_EQ(probe.value(), 1); });
            for (;;) (void)co_await outcome(sleep(1h));
          };
          co_await how(use(local));
        },
        std::ref(of), std::ref(count));
    co_await ticks(4);
  }(wait, alive));
  EXPECT_EQ(alive, 0);
}

TEST(Destroyed, StructuredChildrenGoBeforeTheirCaller) {
  std::stop_source stop;
  destroy_caller([&](Task<void> body) { return cancel_on_stop(stop.get_token(), std::move(body)); });
  destroy_caller([](Task<void> body) { return shield(std::move(body)); });
  destroy_caller([](Task<void> body) -> Task<void> { co_await gather(std::move(body), nop()); });
  auto with_token = [](Task<void> body) -> Task<void> {
    auto block = [&body](std::stop_token) -> Task<void> { co_await std::move(body); };
    co_await with_stop_token(block);
  };
  destroy_caller(with_token);
}

TEST(Destroyed, WaitForSeveralStartsNoneWhenOneIsNoTask) {
  run([]() -> Task<void> {
    Task<int> gone = give(1);
    Task<int> other(std::move(gone));
    bool started = false;
    auto note = [](bool& flag) -> Task<int> {
      flag = true;
      co_return 1;
    };
    bool refused = false;
    try {
      co_await gather(note(started), std::move(gone));  // NOLINT(bugprone-use-after-move)
    } catch (const std::logic_error&) {
      refused = true;
    }
    co_await ticks(3);
    EXPECT_TRUE(refused);
    EXPECT_FALSE(started);
  });
}

TEST(Destroyed, WhoWaitsForAScopeThatGoesIsTold) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto scope = std::make_unique<TaskScope>();
    scope->spawn(sleeper, 1h);
    auto joins = spawn([](TaskScope* of) -> Task<void> { co_await of->join(); }, scope.get());
    scope->spawn([]() -> Task<void> {
      for (;;) (void)co_await outcome(sleep(1h));
    });
    auto closes = spawn([](TaskScope* of) -> Task<void> { co_await of->close(); }, scope.get());
    co_await ticks(3);
    scope.reset();
    std::string joined = co_await end_of(joins);
    std::string closed = co_await end_of(closes);
    EXPECT_EQ(joined, "the TaskScope was destroyed while this task waited for its end");
    EXPECT_EQ(closed, joined);
  }());
}

}  // namespace
}  // namespace coterie
