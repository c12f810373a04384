// RwLock: who goes together, who waits for whom, and what a cancel does.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

/// Holds the lock until told, and says when it got it.
template <class How>
Task<void, How> read(RwLock& lock, Future<void> until, std::vector<std::string>& log, std::string name) {
  ReadGuard guard = co_await lock.read();
  log.push_back(name);
  co_await until;
}
template <class How>
Task<void, How> write(RwLock& lock, Future<void> until, std::vector<std::string>& log, std::string name) {
  WriteGuard guard = co_await lock.write();
  log.push_back(name);
  co_await until;
}

COTERIE_CASE(RwLockOrder, ReadersGoTogetherAndWritersAlone) {
  run([]() -> Task<void> {
    RwLock lock;
    std::vector<std::string> log;
    Future<void> reading;
    Future<void> writing;
    auto r1 = spawn(read<How>, std::ref(lock), reading, std::ref(log), "r1");
    auto r2 = spawn(read<How>, std::ref(lock), reading, std::ref(log), "r2");
    auto w1 = spawn(write<How>, std::ref(lock), writing, std::ref(log), "w1");
    auto w2 = spawn(write<How>, std::ref(lock), writing, std::ref(log), "w2");
    co_await ticks(2);
    EXPECT_THAT(log, ElementsAre("r1", "r2"));
    EXPECT_EQ(lock.readers(), 2U);
    EXPECT_EQ(lock.waiting(), 2U);
    reading.set_value();
    co_await ticks(4);
    EXPECT_THAT(log, ElementsAre("r1", "r2", "w1"));
    EXPECT_TRUE(lock.writing());
    EXPECT_EQ(lock.readers(), 0U);
    writing.set_value();
    co_await w2;
    EXPECT_THAT(log, ElementsAre("r1", "r2", "w1", "w2"));
    EXPECT_FALSE(lock.writing());
    EXPECT_TRUE(r1.done() && r2.done() && w1.done());
  });
}

COTERIE_CASE(RwLockOrder, ReaderDoesNotOvertakeAWaitingWriter) {
  run([]() -> Task<void> {
    RwLock lock;
    std::vector<std::string> log;
    Future<void> first;
    Future<void> rest;
    rest.set_value();
    auto r1 = spawn(read<How>, std::ref(lock), first, std::ref(log), "r1");
    auto w = spawn(write<How>, std::ref(lock), rest, std::ref(log), "w");
    auto r2 = spawn(read<How>, std::ref(lock), rest, std::ref(log), "r2");
    auto r3 = spawn(read<How>, std::ref(lock), rest, std::ref(log), "r3");
    co_await ticks(3);
    EXPECT_THAT(log, ElementsAre("r1"));
    first.set_value();
    co_await r3;
    EXPECT_THAT(log, ElementsAre("r1", "w", "r2", "r3"));
    EXPECT_TRUE(r1.done() && w.done() && r2.done());
    EXPECT_EQ(lock.waiting(), 0U);
  });
}

COTERIE_CASE(RwLockOrder, LockIsHandedOverAtTheReleaseSoThatTheReleaserCannotTakeItBack) {
  run([]() -> Task<void> {
    RwLock lock;
    std::vector<std::string> log;
    Future<void> now;
    now.set_value();
    WriteGuard held = co_await lock.write();
    auto w = spawn(write<How>, std::ref(lock), now, std::ref(log), "w");
    co_await yield();
    held.unlock();
    EXPECT_TRUE(lock.writing());
    WriteGuard again = co_await lock.write();
    EXPECT_THAT(log, ElementsAre("w"));
    co_await w;
  });
}

COTERIE_CASE(RwLockCancel, CancelledWriterLetsTheReadersBehindItGo) {
  run([]() -> Task<void> {
    RwLock lock;
    std::vector<std::string> log;
    Future<void> now;
    now.set_value();
    Future<void> first;
    auto r1 = spawn(read<How>, std::ref(lock), first, std::ref(log), "r1");
    auto w = spawn(write<How>, std::ref(lock), now, std::ref(log), "w");
    auto r2 = spawn(read<How>, std::ref(lock), now, std::ref(log), "r2");
    co_await ticks(2);
    w.cancel();
    co_await r2;
    EXPECT_TRUE(w.cancelled());
    EXPECT_FALSE(r1.done());
    EXPECT_THAT(log, ElementsAre("r1", "r2"));
    first.set_value();
    co_await r1;
    EXPECT_EQ(lock.readers(), 0U);
  });
}

COTERIE_CASE(RwLockCancel, WhoWasHandedTheLockAndIsCancelledHandsItOn) {
  run([]() -> Task<void> {
    for (const bool writer : {false, true}) {
      RwLock lock;
      std::vector<std::string> log;
      Future<void> now;
      now.set_value();
      WriteGuard held = co_await lock.write();
      auto first = writer ? spawn(write<How>, std::ref(lock), now, std::ref(log), "first")
                          : spawn(read<How>, std::ref(lock), now, std::ref(log), "first");
      auto second = spawn(write<How>, std::ref(lock), now, std::ref(log), "second");
      co_await yield();
      held.unlock();
      first.cancel();
      co_await second;
      EXPECT_TRUE(first.cancelled());
      EXPECT_THAT(log, ElementsAre("second"));
      EXPECT_FALSE(lock.writing());
      EXPECT_EQ(lock.readers(), 0U);
    }
  });
}

COTERIE_CASE(RwLockCancel, CancelledHolderReleases) {
  run([]() -> Task<void> {
    RwLock lock;
    std::vector<std::string> log;
    auto r = spawn(read<How>, std::ref(lock), Future<void>(), std::ref(log), "r");
    co_await ticks(1);
    EXPECT_EQ(lock.readers(), 1U);
    r.cancel();
    (void)co_await outcome(r);
    EXPECT_EQ(lock.readers(), 0U);
    auto w = spawn(write<How>, std::ref(lock), Future<void>(), std::ref(log), "w");
    co_await ticks(1);
    EXPECT_TRUE(lock.writing());
    w.cancel();
    (void)co_await outcome(w);
    EXPECT_FALSE(lock.writing());
  });
}

}  // namespace
}  // namespace coterie
