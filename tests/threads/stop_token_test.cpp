// std::stop_token both ways: what is requested elsewhere cancels a task, and a cancel requests a token.
#include <gmock/gmock.h>

#include <thread>

#include "coterie/stop_token.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

void request_elsewhere(std::stop_source& stop) {
  std::thread([&] { stop.request_stop(); }).join();
}

TEST(StopToken, CancelsTheBodyAndNotTheCaller) {
  run([]() -> Task<void> {
    std::stop_source stop;
    auto task = spawn(
        [](std::stop_token token) -> Task<std::string> {
          std::string end = co_await end_of(cancel_on_stop(token, sleeper(1h)));
          EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
          co_return end;
        },
        stop.get_token());
    co_await ticks(3);
    request_elsewhere(stop);
    std::string end = co_await std::move(task);
    EXPECT_EQ(end, "cancelled: stop requested");
    EXPECT_EQ(seconds(), 0);
  });
}

TEST(StopToken, RequestedBeforeTheBodyNeverStarts) {
  run([]() -> Task<void> {
    std::stop_source stop;
    stop.request_stop();
    bool ran = false;
    auto body = [&]() -> Task<void> {
      ran = true;
      co_return;
    };
    std::string end = co_await end_of(cancel_on_stop(stop.get_token(), body()));
    EXPECT_EQ(end, "cancelled: stop requested");
    EXPECT_FALSE(ran);
  });
}

TEST(StopToken, BodyThatEndsFirstHearsNothing) {
  std::stop_source stop;
  run([&]() -> Task<void> {
    int value = co_await cancel_on_stop(stop.get_token(), give_later(1s, 3));
    EXPECT_EQ(value, 3);
    int never = co_await cancel_on_stop(std::stop_token(), give(4));
    EXPECT_EQ(never, 4);
  });
  stop.request_stop();
}

TEST(StopToken, CancelOfTheCallerGoesOnToTheBody) {
  run([]() -> Task<void> {
    std::stop_source stop;
    int alive = 0;
    auto task = spawn(
        [](std::stop_token token, int& count) -> Task<void> {
          Probe local(count);
          auto body = [&local]() -> Task<void> {
            Outcome<void> end = co_await outcome(sleep(1h));
            co_await sleep(1s);
            EXPECT_EQ(local.value(), 0);  // the caller's local is still there
            end.get();
          };
          co_await cancel_on_stop(token, body());
        },
        stop.get_token(), std::ref(alive));
    co_await ticks(3);
    task.cancel("mine");
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled: mine");
    EXPECT_EQ(alive, 0);
  });
}

TEST(StopToken, LinkedToATaskAndGivenToSpawn) {
  run([]() -> Task<void> {
    std::stop_source stop;
    auto linked = spawn(sleeper, 1h);
    cancel_on_stop(stop.get_token(), linked);
    auto given = spawn(named("given").stop_token(stop.get_token()), sleeper, 1h);
    auto ended = spawn(named("ended").stop_token(stop.get_token()), nop);
    co_await ticks(3);
    request_elsewhere(stop);
    std::string first = co_await end_of(std::move(linked));
    std::string second = co_await end_of(std::move(given));
    EXPECT_EQ(first, "cancelled: stop requested");
    EXPECT_EQ(second, "cancelled: stop requested");
    EXPECT_TRUE(ended.done() && !ended.cancelled());
    auto late = spawn(named("late").stop_token(stop.get_token()), sleeper, 1h);
    std::string third = co_await end_of(std::move(late));
    EXPECT_EQ(third, "cancelled: stop requested");
  });
}

TEST(StopToken, CancelsTheMainTaskOfRun) {
  std::stop_source stop;
  RunOptions options;
  options.stop_token = stop.get_token();
  auto main = [&]() -> Task<void> {
    request_elsewhere(stop);
    co_await sleep(1h);
  };
  EXPECT_THROW(coterie::run(main(), options), Cancelled);
}

TEST(StopToken, IsRequestedByTheCancelOfTheTask) {
  run([]() -> Task<void> {
    std::stop_token seen;
    bool requested_first = false;
    auto task = spawn(
        [](std::stop_token& out, bool& first) -> Task<void> {
          auto body = [&](std::stop_token token) -> Task<int> {
            out = token;
            Outcome<void> end = co_await outcome(sleep(1h));
            first = token.stop_requested();
            end.get();
            co_return 1;
          };
          (void)co_await with_stop_token(body);
        },
        std::ref(seen), std::ref(requested_first));
    co_await ticks(3);
    EXPECT_FALSE(seen.stop_requested());
    task.cancel("why");
    EXPECT_TRUE(seen.stop_requested());
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled: why");
    EXPECT_TRUE(requested_first);
    auto quiet = [](std::stop_token) -> Task<int> { co_return 5; };
    int value = co_await with_stop_token(quiet);
    EXPECT_EQ(value, 5);
  });
}

TEST(StopToken, TaskThatIsDestroyedByForceLeavesTheToken) {
  std::stop_source stop;
  testing::VirtualLoop loop;
  loop.loop().set_exception_handler([](const ErrorContext&) {});
  loop.run([](std::stop_token token) -> Task<void> {
    spawn(named("left").stop_token(token), sleeper, 1h);
    co_await ticks(2);
  }(stop.get_token()));
  loop.loop().close();
  request_elsewhere(stop);
}

}  // namespace
}  // namespace coterie
