// What destructors of frames may do that go by a cancel, and in which order they run.
#include <gmock/gmock.h>

#include "no_catch_support.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
template <class How>
Log order_of_deaths() {
  Log log;
  run([&log]() -> Task<void> {
    auto task = spawn(nest<How>, std::ref(log), 2);
    co_await ticks(1);
    task.cancel();
    co_await ticks(1);
    EXPECT_TRUE(task.cancelled());
  });
  return log;
}

TEST(NoCatch, LocalsDieInTheSameOrderInnerFramesFirstEachOnce) {
  EXPECT_THAT(order_of_deaths<no_catch>(),
              ElementsAre("inner0", "outer0", "inner1", "outer1", "inner2", "outer2"));
  Log thrown;
  for (const std::string& line : order_of_deaths<no_catch>()) thrown.push_back(line + " by exception");
  EXPECT_EQ(order_of_deaths<catching>(), thrown);
}

/// Does everything that a destructor may do to the runtime while its own task unwinds.
class Meddler {
 public:
  Meddler(Log& log, Lock& lock) : log_(&log), lock_(&lock), task_(&EventLoop::require_task()) {}
  Meddler(const Meddler&) = delete;
  Meddler& operator=(const Meddler&) = delete;
  ~Meddler() {
    EXPECT_EQ(EventLoop::current().current_task(), task_);
    EXPECT_FALSE(task_->done());
    EXPECT_TRUE(task_->cancel(std::make_shared<const std::string>("again")));
    EXPECT_TRUE(task_->stack().size() < 3);
    spawn(
        [](Log& log) -> Task<void> {
          log.push_back("spawned");
          co_return;
        },
        std::ref(*log_));
    EventLoop::current().call_soon([log = log_] { log->push_back("called"); });
    lock_->release();
  }

 private:
  Log* log_;
  Lock* lock_;
  TaskRec* task_;
};

COTERIE_CASE(NoCatch, DestructorsMaySpawnCallReleaseAndCancelTheirOwnTask) {
  run([]() -> Task<void> {
    Log log;
    Lock lock;
    auto task = spawn(
        [](Log& out, Lock& mine) -> Co<void> {
          co_await mine.acquire();
          Meddler meddler(out, mine);
          co_await sleep(1h);
        },
        std::ref(log), std::ref(lock));
    co_await ticks(1);
    auto next = spawn([](Lock& its) -> Co<void> { co_await its.acquire(); }, std::ref(lock));
    co_await ticks(1);
    task.cancel("first");
    Outcome<void> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: first");
    EXPECT_EQ(task.cancelling(), 2U);
    co_await next;
    EXPECT_THAT(log, ElementsAre("spawned", "called"));
  });
}

TEST(NoCatch, ACancelThatADestructorRequestsComesAtTheNextAwaitOfWhoCatches) {
  run([]() -> Task<void> {
    Log log;
    auto task = spawn(
        [](Log& out) -> Task<void> {
          Lock lock;
          co_await lock.acquire();
          Outcome<void> end = co_await outcome([](Log& o, Lock& l) -> Task<void, no_catch> {
            Meddler meddler(o, l);
            co_await sleep(1h);
          }(out, lock));
          out.push_back(text(end));
          end = co_await outcome(sleep(1h));
          out.push_back(text(end));
        },
        std::ref(log));
    co_await ticks(1);
    task.cancel("first");
    co_await task;
    EXPECT_THAT(log,
                ::testing::UnorderedElementsAre("spawned", "called", "cancelled: first", "cancelled: again"));
  });
}
}  // namespace
}  // namespace coterie
