// use_task with sockets: composed operations, memory, and frames that are destroyed.
#include <gtest/gtest.h>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <string>

#include "coterie/await_outcome.hpp"
#include "coterie/io/asio.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COTERIE_TEST_COUNTS_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COTERIE_TEST_COUNTS_MALLOC 1
#endif
#endif

#ifdef COTERIE_TEST_COUNTS_MALLOC
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t),
                                                         void (*)(const volatile void*));
#endif

namespace coterie::io_test {
namespace {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;
using Socket = asio::basic_stream_socket<Protocol, asio::io_context::executor_type>;

struct Pair {
  Pair() : near(io::asio_context()), far(io::asio_context()) { asio::local::connect_pair(near, far); }
  Socket near;
  Socket far;
};

Task<std::string> read_whole(Socket& socket, std::size_t bytes) {
  std::string text(bytes, '?');
  co_await asio::async_read(socket, asio::buffer(text), use_task);
  co_return text;
}

Task<void> in_pieces() {
  Pair pair;
  auto reader = spawn(read_whole, std::ref(pair.near), 6U);
  for (const std::string piece : {"ab", "cd", "ef"}) {
    co_await asio::async_write(pair.far, asio::buffer(piece), use_task);
    co_await yield();
  }
  EXPECT_EQ(co_await reader, "abcdef");
}
TEST(UseTaskSocket, ComposedReadGoesOnUntilAllIsThere) {
  run(in_pieces());
}

Task<void> cancel_in_the_middle() {
  Pair pair;
  auto reader = spawn(read_whole, std::ref(pair.near), 6U);
  co_await asio::async_write(pair.far, asio::buffer("ab", 2), use_task);
  while (pair.near.available() > 0) co_await yield();
  reader.cancel();
  Outcome<std::string> end = co_await outcome(reader);
  EXPECT_TRUE(end.cancelled());
  // The socket itself is as good as before.
  co_await asio::async_write(pair.far, asio::buffer("cd", 2), use_task);
  EXPECT_EQ(co_await read_whole(pair.near, 2), "cd");
}
TEST(UseTaskSocket, CancelEndsAComposedReadInTheMiddle) {
  run(cancel_in_the_middle());
}

#ifdef COTERIE_TEST_COUNTS_MALLOC
std::atomic<std::size_t> mallocs{0};
std::atomic<bool> counting{false};

Task<void> echo(Socket& socket, int rounds, bool first) {
  std::array<char, 64> message{};
  for (int i = 0; i < rounds; ++i) {
    if (first) co_await asio::async_write(socket, asio::buffer(message), use_task);
    co_await asio::async_read(socket, asio::buffer(message), use_task);
    if (!first) co_await asio::async_write(socket, asio::buffer(message), use_task);
    if (i == rounds / 2) counting = true;
  }
  counting = false;
}
Task<void> ping_pong() {
  Pair pair;
  auto near = spawn(echo, std::ref(pair.near), 200, true);
  auto far = spawn(echo, std::ref(pair.far), 200, false);
  co_await near;
  co_await far;
}
TEST(UseTaskSocket, ComposedReadsAndWritesAllocateNothing) {
  const int installed = __sanitizer_install_malloc_and_free_hooks(
      [](const volatile void*, std::size_t) {
        if (counting) ++mallocs;
      },
      [](const volatile void*) {});
  ASSERT_NE(installed, 0);
  run(ping_pong());
  EXPECT_EQ(mallocs, 0U);
}
#endif

Task<void> leave_readers_behind() {
  auto reader = []() -> Task<void> {
    Pair pair;
    (void)co_await outcome(read_whole(pair.near, 100));
    std::array<char, 16> one{};
    (void)co_await pair.near.async_read_some(asio::buffer(one), use_task);  // refuses to end
  };
  for (int i = 0; i < 3; ++i) (void)spawn(reader);
  co_await yield();
}
TEST(UseTaskSocket, FramesThatAreDestroyedMeanwhileEndTheirOperationsFirst) {
  RunOptions options;
  options.shutdown_timeout = std::chrono::milliseconds(1);
  run(leave_readers_behind(), options);
}

}  // namespace
}  // namespace coterie::io_test
