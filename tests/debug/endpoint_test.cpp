// What a task waits for at a descriptor.
#include "src/debug/endpoint.hpp"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "coterie/coterie.hpp"
#include "coterie/debug/dump.hpp"
#include "coterie/io/fd.hpp"
#include "coterie/io/listen.hpp"
#include "coterie/io/tcp.hpp"

namespace coterie {
namespace {
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Task<void> accept_one(io::Listener& listener) {
  io::Stream stream = co_await listener.accept();
  const std::string text = co_await stream.read_to_end();
}
Task<void> read_one(io::Descriptor& end) {
  std::byte one{};
  co_await end.read_some(std::span(&one, 1));
}

TEST(Endpoint, SaysWhatADescriptorIs) {
  EXPECT_EQ(debug::endpoint_of(-1), "");
  const int event = ::eventfd(0, EFD_CLOEXEC);
  EXPECT_EQ(debug::endpoint_of(event), "[eventfd]");
  ::close(event);
  EXPECT_EQ(debug::endpoint_of(event), "");
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  EXPECT_EQ(debug::endpoint_of(pair[0]), "unix");
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST(Endpoint, OfWhoWaitsAtAPipeAndAtSockets) {
  coterie::run([]() -> Task<void> {
    io::Pipe pipe = io::make_pipe();
    io::Listener listener = co_await io::listen_tcp("127.0.0.1", 0);
    auto reads = spawn(named("reads"), read_one, std::ref(pipe.read_end));
    auto accepts = spawn(named("accepts"), accept_one, std::ref(listener));
    while (debug::snapshot(accepts).wait.kind != WaitKind::io_readable) co_await yield();
    const debug::TaskSnapshot at_pipe = debug::snapshot(reads);
    EXPECT_EQ(at_pipe.descriptor, pipe.read_end.fd());
    EXPECT_EQ(at_pipe.endpoint, "pipe");
    EXPECT_THAT(debug::snapshot(accepts).endpoint,
                AllOf(StartsWith("tcp 127.0.0.1:"), HasSubstr(", listening")));
    EXPECT_THAT(debug::dump(EventLoop::current()),
                HasSubstr("reads  pending  waits for a descriptor to become readable, fd " +
                          std::to_string(pipe.read_end.fd()) + " (pipe)  "));
    {
      io::Stream client = co_await io::connect_tcp("127.0.0.1", listener.port());
      while (debug::snapshot(accepts).endpoint.find(" -> 127.0.0.1:") == std::string::npos) co_await yield();
    }
    co_await accepts;
    co_await pipe.write_end.write_all("x");
    co_await reads;
  }());
}

}  // namespace
}  // namespace coterie
