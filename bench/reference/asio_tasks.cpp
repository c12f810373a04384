// Boost.Asio's awaitable: calls, tasks and yields.
//   asio_tasks direct|spawn_one|spawn_1000|yield_2|yield_1000 COUNT
#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <stdexcept>
#include <string>

namespace {
namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
// The executor by its type: without what any_io_executor would cost.
template <class T>
using awaitable = asio::awaitable<T, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

awaitable<int> ready(int value) {
  co_return value;
}
awaitable<void> nop() {
  co_return;
}

awaitable<void> direct(long count) {
  long sum = 0;
  for (long i = 0; i < count; ++i) sum += co_await ready(1);
  if (sum != count) throw std::logic_error("direct");
}

awaitable<void> spawn_one(Executor executor, long count) {
  for (long i = 0; i < count; ++i) co_await asio::co_spawn(executor, nop(), use_awaitable);
}

/// 1000 at a time: each counts itself off, and the last releases who waits for all.
awaitable<void> spawn_1000(Executor executor, long count) {
  Timer ended(executor);
  for (long i = 0; i < count; i += 1000) {
    int left = 1000;
    ended.expires_at(Timer::time_point::max());
    for (int task = 0; task < 1000; ++task) {
      asio::co_spawn(executor, nop(), [&](std::exception_ptr) {
        if (--left == 0) ended.cancel();
      });
    }
    boost::system::error_code ignored;
    co_await ended.async_wait(asio::redirect_error(use_awaitable, ignored));
  }
}

awaitable<void> yields(Executor executor, long turns) {
  for (long i = 0; i < turns; ++i) co_await asio::post(executor, asio::deferred);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("asio_tasks ROW COUNT\n", stderr), 2;
  const std::string row = argv[1];
  const long count = std::atol(argv[2]);
  asio::io_context context(1);
  const Executor executor = context.get_executor();
  const auto run = [&](awaitable<void> task) {
    asio::co_spawn(executor, std::move(task), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  };
  if (row == "direct")
    run(direct(count));
  else if (row == "spawn_one")
    run(spawn_one(executor, count));
  else if (row == "spawn_1000")
    run(spawn_1000(executor, count));
  else if (row == "yield_2")
    for (int task = 0; task < 2; ++task) run(yields(executor, count / 2));
  else if (row == "yield_1000")
    for (int task = 0; task < 1000; ++task) run(yields(executor, count / 1000));
  else
    return 2;
  const double before = now_ns();
  context.run();
  std::printf("{\"ns\": %.3f}\n", (now_ns() - before) / static_cast<double>(count));
}
