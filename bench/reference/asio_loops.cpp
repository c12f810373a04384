// Boost.Asio's awaitable: a task of one io_context goes to another, which a thread of its own runs, and comes
// back. Each has a core of its own where the process may use two.
//   asio_loops pingpong COUNT     by the wall's clock
#include <sched.h>

#include <boost/asio.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {
namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
// The executor by its type: without what any_io_executor would cost.
template <class T>
using awaitable = asio::awaitable<T, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;

awaitable<void> nop() {
  co_return;
}
awaitable<void> ping(Executor there, long count) {
  for (long i = 0; i < count; ++i) co_await asio::co_spawn(there, nop(), use_awaitable);
}

/// This thread stays on the first of the cores that it may use, or on the last.
void stay_on_the(bool last) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  int core = last ? CPU_SETSIZE - 1 : 0;
  while (!CPU_ISSET(core, &allowed)) core += last ? -1 : 1;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  (void)sched_setaffinity(0, sizeof one, &one);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("asio_loops pingpong COUNT\n", stderr), 2;
  const long count = std::atol(argv[2]);
  asio::io_context here(1);
  asio::io_context there(1);
  auto work = asio::make_work_guard(there);
  std::thread other([&] {
    stay_on_the(true);
    there.run();
  });
  stay_on_the(false);
  asio::co_spawn(here, ping(there.get_executor(), count), asio::detached);
  const auto before = std::chrono::steady_clock::now();
  here.run();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - before;
  work.reset();
  other.join();
  std::printf("{\"ns\": %.3f}\n", took.count() / static_cast<double>(count));
}
