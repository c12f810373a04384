// Boost.Asio's awaitable: a task of one io_context goes to another, which a thread of its own runs, and comes
// back.
//   asio_loops pingpong COUNT     by the wall's clock
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("asio_loops pingpong COUNT\n", stderr), 2;
  const long count = std::atol(argv[2]);
  asio::io_context here(1);
  asio::io_context there(1);
  auto work = asio::make_work_guard(there);
  std::thread other([&] { there.run(); });
  asio::co_spawn(here, ping(there.get_executor(), count), asio::detached);
  const auto before = std::chrono::steady_clock::now();
  here.run();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - before;
  work.reset();
  other.join();
  std::printf("{\"ns\": %.3f}\n", took.count() / static_cast<double>(count));
}
