// Boost.Asio's awaitable: tasks that sleep, are woken, are cancelled; and a timeout that does not expire.
//   asio_timers sleeping|one_second|random|cancel|timeout_0|timeout_10000 COUNT
#include <unistd.h>

#include <boost/asio.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <random>
#include <string>

namespace {
namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
template <class T>
using awaitable = asio::awaitable<T, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
using Delay = std::chrono::nanoseconds;

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}
double resident_bytes() {
  long pages = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%*d %ld", &pages) != 1) std::abort();
  std::fclose(file);
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

awaitable<void> sleeper(Executor executor, Delay delay) {
  Timer timer(executor, delay);
  co_await timer.async_wait(asio::deferred);
}
/// Without the exception that a cancel would else be: the cheap way.
awaitable<void> quiet_sleeper(Executor executor) {
  Timer timer(executor, 1000s);
  error_code cancelled;
  co_await timer.async_wait(asio::redirect_error(use_awaitable, cancelled));
}
void spawn_sleepers(asio::io_context& context, long count, Delay delay) {
  for (long i = 0; i < count; ++i)
    asio::co_spawn(context, sleeper(context.get_executor(), delay), asio::detached);
}

/// Around an await that does not suspend: a timer that would cancel it. Once in a while what was cancelled is
/// let through.
awaitable<void> timeouts(Executor executor, long count) {
  asio::cancellation_signal stop;
  Timer timer(executor);
  for (long i = 0; i < count; ++i) {
    timer.expires_after(10s);
    timer.async_wait([&](error_code error) {
      if (!error) stop.emit(asio::cancellation_type::terminal);
    });
    co_await asio::this_coro::executor;  // what does not suspend
    timer.cancel();
    if (i % 64 == 0) co_await asio::post(executor, asio::deferred);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("asio_timers ROW COUNT\n", stderr), 2;
  const std::string row = argv[1];
  const long count = std::atol(argv[2]);
  asio::io_context context(1);
  const double resident = resident_bytes();
  double before = now_ns();
  const auto tell = [&](double bytes) {
    std::printf("{\"ns\": %.3f, \"bytes\": %.1f}\n", (now_ns() - before) / static_cast<double>(count), bytes);
    std::fflush(stdout);
    std::_Exit(0);  // a million frames need not be destroyed
  };
  if (row == "sleeping") {
    spawn_sleepers(context, count, 1000s);
    context.poll();
    tell((resident_bytes() - resident) / static_cast<double>(count));
  } else if (row == "one_second") {
    spawn_sleepers(context, count, 1s);
    context.run();
  } else if (row == "random") {
    std::mt19937_64 random(1);
    for (long i = 0; i < count; ++i) spawn_sleepers(context, 1, Delay(random() % 1'000'000'000));
    context.run();
  } else if (row == "cancel") {
    std::deque<asio::cancellation_signal> signals(static_cast<std::size_t>(count));
    for (auto& signal : signals)
      asio::co_spawn(context, quiet_sleeper(context.get_executor()),
                     asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
    context.poll();
    before = now_ns();
    for (auto& signal : signals) signal.emit(asio::cancellation_type::terminal);
    context.run();
    tell(0);
  } else if (row == "timeout_0" || row == "timeout_10000") {
    spawn_sleepers(context, std::atol(row.c_str() + 8), 1000s);
    context.poll();
    context.restart();
    bool ended = false;
    asio::co_spawn(context, timeouts(context.get_executor(), count),
                   [&](std::exception_ptr) { ended = true; });
    before = now_ns();
    while (!ended) context.run_one();
  } else {
    return 2;
  }
  tell(0);
}
