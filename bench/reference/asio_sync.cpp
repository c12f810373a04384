// Boost.Asio's awaitable: channels as queues, and as the lock that Asio has not.
//   asio_sync queue_1|queue_1024|lock_free|lock_contended COUNT
#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

namespace {
namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
// The executor by its type: without what any_io_executor would cost.
template <class T>
using awaitable = asio::awaitable<T, Executor>;
using Channel = asio::experimental::channel<Executor, void(error_code, int)>;

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

awaitable<void> produce(Channel& channel, long count) {
  for (long i = 0; i < count; ++i) co_await channel.async_send(error_code(), 1, asio::deferred);
}
awaitable<void> consume(Channel& channel, long count) {
  long sum = 0;
  for (long i = 0; i < count; ++i) sum += co_await channel.async_receive(asio::deferred);
  if (sum != count) std::abort();
}

/// A channel of one is the lock: who has put something into it holds it.
awaitable<void> lock_free(Channel& channel, long count) {
  for (long i = 0; i < count; ++i) {
    if (!channel.try_send(error_code(), 1)) co_await channel.async_send(error_code(), 1, asio::deferred);
    channel.try_receive([](error_code, int) {});
  }
}
awaitable<void> lock_contended(Channel& channel, Executor executor, long count) {
  for (long i = 0; i < count; ++i) {
    co_await channel.async_send(error_code(), 1, asio::deferred);
    co_await asio::post(executor, asio::deferred);
    channel.try_receive([](error_code, int) {});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("asio_sync ROW COUNT\n", stderr), 2;
  const std::string row = argv[1];
  const long count = std::atol(argv[2]);
  asio::io_context context(1);
  const Executor executor = context.get_executor();
  Channel channel(executor, row == "queue_1024" ? 1024 : 1);
  if (row == "queue_1" || row == "queue_1024") {
    asio::co_spawn(context, produce(channel, count), asio::detached);
    asio::co_spawn(context, consume(channel, count), asio::detached);
  } else if (row == "lock_free") {
    asio::co_spawn(context, lock_free(channel, count), asio::detached);
  } else if (row == "lock_contended") {
    for (int task = 0; task < 100; ++task)
      asio::co_spawn(context, lock_contended(channel, executor, count / 100), asio::detached);
  } else {
    return 2;
  }
  const double before = now_ns();
  context.run();
  std::printf("{\"ns\": %.3f}\n", (now_ns() - before) / static_cast<double>(count));
}
