// Frames that are destroyed while they wait, by a loop that closes or an owner that goes: what their
// destructors do then, and what others get that they had been given.
#include <gmock/gmock.h>

#include "coterie/debug/dump.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
template <class Fn>
class AtEnd {
 public:
  explicit AtEnd(Fn fn) : fn_(std::move(fn)) {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { fn_(); }

 private:
  Fn fn_;
};

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
