// Frames that are destroyed while they wait, by a loop that closes or an owner that goes: what their
// destructors do then.
#include <gmock/gmock.h>

#include "core/at_end.hpp"
#include "coterie/debug/dump.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

/// Runs `body()`, destroys what it leaves, and says how many tasks that were.
template <class Body>
std::size_t close_over(Body body) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run(body());
  loop.loop().close();
  return reports.count();
}

COTERIE_CASE(Destroyed, DestructorMayCancelItsOwnTaskAndDumpTheLoop) {
  auto body = []() -> Task<void> {
    auto waits = []() -> Co<void> {
      TaskRec& self = EventLoop::require_task();
      AtEnd end([&self] {
        EXPECT_FALSE(self.cancel(nullptr));
        EXPECT_FALSE(debug::dump(self.loop()).empty());
      });
      co_await Subjects::sleeper(1h);
    };
    spawn(waits);
    co_await ticks(2);
  };
  EXPECT_EQ(close_over(body), 1U);
}

COTERIE_CASE(Destroyed, DestructorMayCancelTheGroupThatItsTaskBelongsTo) {
  auto body = []() -> Task<void> {
    auto parent = []() -> Co<void> {
      co_await task_group([](TaskGroup& group) -> Co<void> {
        auto child = [](TaskGroup& of) -> Co<void> {
          AtEnd end([&of] { of.cancel(); });
          co_await Subjects::sleeper(1h);
        };
        group.spawn(child, std::ref(group));
        group.spawn(child, std::ref(group));
        co_return;
      });
    };
    spawn(parent);
    co_await ticks(3);
  };
  EXPECT_EQ(close_over(body), 3U);
}

TEST(Destroyed, DestructorMayDestroyTheScopeThatItsTaskBelongsTo) {
  auto body = []() -> Task<void> {
    auto scope = std::make_shared<TaskScope>("sessions");
    auto child = [](std::weak_ptr<TaskScope> of) -> Task<void> {
      AtEnd end([&of] {
        if (auto alive = of.lock()) alive->cancel();
      });
      co_await sleep(1h);
    };
    scope->spawn(child, std::weak_ptr(scope));
    scope->spawn(child, std::weak_ptr(scope));
    co_await ticks(2);
    scope.reset();
  };
  EXPECT_EQ(close_over(body), 1U);  // the scope that was not empty
}

Task<void> clean_up_later(const std::string& what, std::vector<std::string>& out) {
  co_await yield();
  out.push_back(what);
}

COTERIE_CASE(Destroyed, DestructorOfARootMaySpawnWhatHasToBeWrapped) {
  run([]() -> Task<void> {
    std::vector<std::string> cleaned;
    auto body = [](std::vector<std::string>& out) -> Co<void> {
      AtEnd end([&out] { spawn(clean_up_later, std::string("cleaned"), std::ref(out)); });
      co_await sleep(1h);
    };
    auto task = spawn(body, std::ref(cleaned));
    co_await ticks(2);
    task.cancel();
    co_await task.wait();
    co_await ticks(3);
    EXPECT_THAT(cleaned, ElementsAre("cleaned"));
  });
}

TEST(Destroyed, ConditionThatGoesBeforeItsWaiterIsNotTouchedAgain) {
  auto body = []() -> Task<void> {
    auto condition = std::make_unique<Condition>();
    auto waits = spawn(
        [](Condition* at) -> Task<void> {
          co_await at->acquire();
          co_await at->wait();
        },
        condition.get());
    co_await ticks(2);
    condition.reset();
    waits.cancel("over");
    std::string end = co_await end_of(waits);
    EXPECT_EQ(end, "cancelled: over");
  };
  EXPECT_EQ(close_over(body), 0U);
}

}  // namespace
}  // namespace coterie
