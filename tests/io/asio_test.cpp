// use_task: how operations of Asio begin and end.
#include "coterie/io/asio.hpp"

#include <gtest/gtest.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <stdexcept>
#include <string>

#include "coterie/await_outcome.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "io/manual_operation.hpp"

namespace coterie::io_test {
namespace {

using namespace std::chrono_literals;
using boost::system::error_code;

struct NoDefault {
  explicit NoDefault(int number) : value(number) {}
  int value;
};

Task<void> wait_and_post() {
  asio::steady_timer timer(io::asio_context(), 1ms);
  co_await timer.async_wait(use_task);                // void(error_code)
  co_await asio::post(io::asio_context(), use_task);  // void()
}
TEST(UseTask, AwaitsATimerAndAPost) {
  run(wait_and_post());
}

template <class... Args>
auto ends_with(Args... args) {
  return asio::async_initiate<const use_task_t, void(Args...)>(
      [](auto handler, Args... given) {
        asio::post(io::asio_context(), [kept = std::move(handler), ... end = std::move(given)]() mutable {
          std::move(kept)(std::move(end)...);
        });
      },
      use_task, std::move(args)...);
}

Task<std::string> every_signature() {
  co_await ends_with();
  co_await ends_with(error_code());
  co_await ends_with(std::exception_ptr());
  const int one = co_await ends_with(1);
  const NoDefault two = co_await ends_with(error_code(), NoDefault(2));
  const auto [three, four] = co_await ends_with(std::exception_ptr(), NoDefault(3), 4);
  const std::unique_ptr<int> five = co_await ends_with(std::make_unique<int>(5));
  std::string text = std::to_string(one) + std::to_string(two.value) + std::to_string(three.value) +
                     std::to_string(four) + std::to_string(*five);
  try {
    co_await ends_with(error_code(asio::error::eof), 6);
  } catch (const boost::system::system_error& error) {
    text += error.code() == asio::error::eof ? " eof" : " other";
  }
  try {
    co_await ends_with(std::make_exception_ptr(std::runtime_error("thrown")));
  } catch (const std::runtime_error& error) {
    text += std::string(" ") + error.what();
  }
  co_return text;
}
TEST(UseTask, TakesEverySignature) {
  EXPECT_EQ(run(every_signature()), "12345 eof thrown");
}

Task<void> as_a_tuple() {
  Manual<error_code, int> operation;
  auto body = [](Manual<error_code, int>& of) -> Task<int> {
    auto [error, number] = co_await of.begin(asio::as_tuple(use_task));
    EXPECT_EQ(error, asio::error::eof);
    co_return number;
  };
  auto task = spawn(body, std::ref(operation));
  co_await yield();
  operation.end(asio::error::eof, 7);
  EXPECT_EQ(co_await task, 7);
}
TEST(UseTask, GivesTheErrorAsAValueWithAsTuple) {
  run(as_a_tuple());
}

Task<void> dropped() {
  Manual<int> operation;
  auto body = [](Manual<int>& of) -> Task<int> { co_return co_await of.begin(); };
  auto task = spawn(body, std::ref(operation));
  co_await yield();
  operation.end = nullptr;  // and with it the handler
  EXPECT_THROW((void)co_await task, boost::system::system_error);
}
TEST(UseTask, HandlerThatIsDroppedEndsTheOperation) {
  run(dropped());
}

Task<void> awaited_twice() {
  auto operation = ends_with(1);
  EXPECT_EQ(co_await operation, 1);
  (void)co_await operation;
}
TEST(UseTask, OperationIsAwaitedOnce) {
  EXPECT_THROW(run(awaited_twice()), InvalidState);
}

Task<void> begin_fails() {
  co_await asio::async_initiate<const use_task_t, void()>([](auto) { throw std::runtime_error("no"); },
                                                          use_task);
}
TEST(UseTask, WhatBeginningThrowsComesOutOfTheAwait) {
  EXPECT_THROW(run(begin_fails()), std::runtime_error);
}

TEST(UseTask, VirtualLoopHasNoContext) {
  testing::VirtualLoop loop;
  auto body = []() -> Task<void> {
    EXPECT_THROW((void)io::asio_context(), std::logic_error);
    co_return;
  };
  loop.run(body());
}

}  // namespace
}  // namespace coterie::io_test
