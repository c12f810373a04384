// from_callback(): one answer, from any thread; called twice, never, too late.
#include <gmock/gmock.h>

#include <functional>
#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A C library that answers later, when the test says so.
struct Library {
  using Callback = void (*)(void* user, int result);
  void start(Callback callback, void* user) {
    pending = [callback, user](int result) { callback(user, result); };
  }
  std::function<void(int)> pending;
};

TEST(FromCallback, AnswerOfAnotherThread) {
  run([]() -> Task<void> {
    std::thread thread;
    int value =
        co_await from_callback<int>([&](Completer<int> done) { thread = std::thread([done] { done(7); }); });
    EXPECT_EQ(value, 7);
    thread.join();
  });
}

TEST(FromCallback, AnswerInsideTheStartTakesTheWayOfAllOthers) {
  run([]() -> Task<void> {
    TickCounter counter;
    std::string value = co_await from_callback<std::string>([](Completer<std::string> done) { done("now"); });
    EXPECT_EQ(value, "now");
    EXPECT_EQ(counter.count(), 2);
    co_await from_callback([](Completer<void> done) { done(); });
  });
}

TEST(FromCallback, NoExceptionAtAllIsRefused) {
  run([]() -> Task<void> {
    int value = co_await from_callback<int>([](Completer<int> done) {
      EXPECT_THROW(done.fail(nullptr), std::invalid_argument);
      done(8);
    });
    EXPECT_EQ(value, 8);
  });
}

TEST(FromCallback, ThroughAVoidPointerOfACLibrary) {
  Library library;
  testing::VirtualLoop loop;
  auto waiter = detail::start_main(loop.loop(), [](Library& lib) -> Task<int> {
    co_return co_await from_callback<int>([&](Completer<int> done) {
      lib.start(
          [](void* user, int result) {
            const std::unique_ptr<Completer<int>> mine(static_cast<Completer<int>*>(user));
            (*mine)(result);
          },
          new Completer<int>(std::move(done)));
    });
  }(library));
  loop.run(ticks(2));
  std::thread([&] { library.pending(3); }).join();
  loop.run(ticks(2));
  EXPECT_EQ(waiter.result(), 3);
}

TEST(FromCallback, OnlyTheFirstCallCounts) {
  run([]() -> Task<void> {
    int value = co_await from_callback<int>([](Completer<int> done) {
      const Completer<int> copy = done;
      copy(1);
      done(2);
      done.fail(error("too late"));
    });
    EXPECT_EQ(value, 1);
  });
}

TEST(FromCallback, MoveOnlyAnswersAndErrors) {
  run([]() -> Task<void> {
    auto value = co_await from_callback<std::unique_ptr<int>>(
        [](Completer<std::unique_ptr<int>> done) { done(std::make_unique<int>(4)); });
    EXPECT_EQ(*value, 4);
    Outcome<int> end =
        co_await outcome(from_callback<int>([](Completer<int> done) { done.fail(error("it")); }));
    EXPECT_EQ(text(end), "it");
    end = co_await outcome(from_callback<int>([](Completer<int>) { throw Boom("start"); }));
    EXPECT_EQ(text(end), "start");
  });
}

TEST(FromCallback, DroppedWithoutACallItThrows) {
  run([]() -> Task<void> {
    std::vector<Completer<int>> kept;
    auto task = spawn(
        [](std::vector<Completer<int>>& keep) -> Task<std::string> {
          auto waits = [&]() -> Task<int> {
            co_return co_await from_callback<int>([&](Completer<int> done) { keep.assign(2, done); });
          };
          Outcome<int> end = co_await outcome(waits());
          try {
            end.get();
          } catch (const BrokenCallback& broken) {
            co_return broken.what();
          }
          co_return "";
        },
        std::ref(kept));
    co_await ticks(2);
    kept.pop_back();
    co_await ticks(2);
    EXPECT_FALSE(task.done());
    std::thread([last = std::move(kept)] {}).join();
    std::string what = co_await std::move(task);
    EXPECT_THAT(what, HasSubstr("dropped without"));
  });
}

TEST(FromCallbackCancel, EndsTheWaitAndALateAnswerIsDropped) {
  run([]() -> Task<void> {
    std::vector<Completer<std::string>> kept;
    std::vector<std::string> events;
    auto task = spawn(
        [](std::vector<Completer<std::string>>& keep, std::vector<std::string>& log) -> Task<void> {
          (void)co_await from_callback<std::string>(
              [&](Completer<std::string> done) { keep.push_back(std::move(done)); },
              [&] { log.emplace_back("told"); });
        },
        std::ref(kept), std::ref(events));
    co_await ticks(2);
    EXPECT_FALSE(kept.front().abandoned());
    task.cancel("no need");
    EXPECT_THAT(events, ElementsAre("told"));
    EXPECT_TRUE(kept.front().abandoned());
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled: no need");
    std::thread([last = std::move(kept)] { last.front()(std::string(100, 'x')); }).join();
    co_await ticks(2);
    EXPECT_EQ(events.size(), 1U);
  });
}

TEST(FromCallbackCancel, AfterTheAnswerReplacesItAndTellsNobody) {
  run([]() -> Task<void> {
    std::vector<Completer<int>> kept;
    bool told = false;
    auto task = spawn(
        [](std::vector<Completer<int>>& keep, bool& flag) -> Task<int> {
          co_return co_await from_callback<int>([&](Completer<int> done) { keep.push_back(std::move(done)); },
                                                [&] { flag = true; });
        },
        std::ref(kept), std::ref(told));
    co_await ticks(2);
    kept.front()(1);
    task.cancel("after");
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled: after");
    EXPECT_FALSE(told);
  });
}

TEST(FromCallbackCancel, PendingBeforeMeansThatNothingIsStarted) {
  run([]() -> Task<void> {
    bool started = false;
    bool told = false;
    auto task = spawn(
        [](bool& start, bool& tell) -> Task<void> {
          EventLoop::require_task().cancel(nullptr);
          co_await from_callback([&](Completer<void>) { start = true; }, [&] { tell = true; });
        },
        std::ref(started), std::ref(told));
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled");
    EXPECT_FALSE(started);
    EXPECT_FALSE(told);
  });
}

TEST(FromCallbackCancel, RequestsTheStopTokenThatWasGivenToTheOperation) {
  run([]() -> Task<void> {
    std::stop_token seen;
    std::vector<Completer<void>> kept;
    auto task = spawn(
        [](std::stop_token& token, std::vector<Completer<void>>& keep) -> Task<void> {
          co_await from_callback([&](Completer<void> done) {
            token = done.stop_token();
            keep.push_back(std::move(done));
          });
        },
        std::ref(seen), std::ref(kept));
    co_await ticks(2);
    EXPECT_FALSE(seen.stop_requested());
    task.cancel();
    EXPECT_TRUE(seen.stop_requested());
    (void)co_await outcome(task);
  });
}

TEST(FromCallbackClose, LoopThatClosesByForceTellsTheOperation) {
  std::vector<Completer<std::string>> kept;
  bool told = false;
  testing::VirtualLoop loop;
  loop.loop().set_exception_handler([](const ErrorContext&) {});
  loop.run([](std::vector<Completer<std::string>>& keep, bool& flag) -> Task<void> {
    auto wait = [&]() -> Task<void> {
      (void)co_await from_callback<std::string>(
          [&](Completer<std::string> done) { keep.push_back(std::move(done)); }, [&] { flag = true; });
    };
    auto waiting = spawn(wait);
    co_await ticks(2);
  }(kept, told));
  loop.loop().close();
  EXPECT_TRUE(told);
  std::thread([&] { kept.front()(std::string(100, 'x')); }).join();
}

}  // namespace
}  // namespace coterie
