// Server: who is served, how it ends, and what is heard of handlers that fail. Over loopback. Lines are those
// of the list of asyncio's behaviours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "io/server_support.hpp"
#include "support/both_ways.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
using ::testing::HasSubstr;
using ::testing::StartsWith;

template <class How>
Task<void, How> wait_closed(io::Server& server) {
  co_await server.wait_closed();
}

Task<void> serves() {
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), echo);
  EXPECT_TRUE(server.is_serving());
  io::Stream one = co_await connect_to(server);
  io::Stream other = co_await connect_to(server);
  EXPECT_EQ(co_await ask(other, "two\n"), "two\n");
  EXPECT_EQ(co_await ask(one, "one\n"), "one\n");
  EXPECT_EQ(server.connections(), 2U);
  co_await server.stop(Duration::zero());
  EXPECT_EQ(server.connections(), 0U);
  EXPECT_EQ(co_await one.read_line(), "");
}
TEST(Server, EachConnectionHasATaskOfItsOwn) {
  coterie::run(serves());
}

Task<void> over_unix(std::string path) {
  io::Server server(io::listen_unix(path), echo);
  io::Stream client = co_await io::connect_unix(path);
  EXPECT_EQ(co_await ask(client, "by path\n"), "by path\n");
  co_await server.stop(Duration::zero());
}
TEST(Server, ServesUnixSocketsAsWell) {
  coterie::run(over_unix("/tmp/coterie-server-" + std::to_string(::getpid())));
}

template <class How>
Task<void, How> closed_first() {
  Gate gate;
  auto handler = through(gate);
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  co_await until_inside(gate, 1);
  auto waiting = spawn(wait_closed<How>, std::ref(server));
  co_await ticks(10);
  EXPECT_FALSE(waiting.done());
  server.close();
  EXPECT_FALSE(server.is_serving());
  co_await ticks(10);
  EXPECT_FALSE(waiting.done());  // closed, but a connection goes on
  gate.open.set();
  EXPECT_EQ(co_await client.read_line(), "served\n");
  co_await waiting;
  EXPECT_EQ(server.connections(), 0U);
  co_await server.wait_closed();
}
// 230. TestServer2.test_wait_closed_basic
COTERIE_CASE(Server, WaitClosedWaitsForTheLastConnectionOfAClosedServer) {
  coterie::run(closed_first<How>());
}
template <class How>
Task<void, How> connections_first() {
  Gate gate;
  auto handler = through(gate);
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  auto waiting = spawn(wait_closed<How>, std::ref(server));
  gate.open.set();
  EXPECT_EQ(co_await client.read_to_end(), "served\n");
  while (server.connections() > 0) co_await yield();
  co_await ticks(10);
  EXPECT_FALSE(waiting.done());  // no connection is left, but more may come
  server.close();
  co_await waiting;
}
// 230. TestServer2.test_wait_closed_basic
COTERIE_CASE(Server, WaitClosedWaitsForTheCloseOfAServerWithoutConnections) {
  coterie::run(connections_first<How>());
}

Task<void> itself() {
  std::string said;
  io::Server* self = nullptr;
  auto handler = [&](io::Stream) -> Task<void> {
    self->close();
    said = co_await end_of(self->wait_closed());
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  self = &server;
  io::Stream client = co_await connect_to(server);
  co_await server.wait_closed();
  EXPECT_THAT(said, StartsWith("task 'connection from 127.0.0.1:"));
}
TEST(Server, HandlerCannotWaitForItself) {
  coterie::run(itself());
}

template <class How>
Task<void, How> handler_throws() {
  const Reports reports(EventLoop::current());
  auto handler = [](io::Stream stream) -> Task<void> {
    const std::string line = co_await stream.read_line();
    throw Boom(line);
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  for (std::size_t count = 1; count <= 2; ++count) {
    io::Stream client = co_await connect_to(server);
    co_await client.write("boom\n");
    EXPECT_EQ(co_await client.read_to_end(), "");  // the connection was closed
    while (reports.count() < count) co_await yield();
  }
  co_await server.stop(Duration::zero());
  EXPECT_EQ(reports.count(), 2U);
  EXPECT_EQ(reports[0].message, "Unhandled exception in the handler of a connection");
  EXPECT_EQ(text(reports[0].error), "boom\n");
  EXPECT_THAT(reports[0].task, StartsWith("connection from 127.0.0.1:"));
}
template <class How>
Task<void, How> client_closes() {
  std::string received;
  auto handler = [&](io::Stream stream) -> Task<void> {
    received += co_await stream.read_to_end();
    co_await stream.write("too late");
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  co_await client.write("last words");
  auto reader =
      spawn([](const io::Stream& from) -> Task<std::string, How> { co_return co_await from.read(1); },
            std::cref(client));
  co_await ticks(3);
  client.close();
  EXPECT_TRUE(client.closed());
  EXPECT_THAT(co_await end_of(reader), HasSubstr("Operation canceled"));
  EXPECT_EQ(co_await end_of(client.read(1)), "the stream is closed: Connection reset by peer");
  server.close();
  co_await server.wait_closed();
  EXPECT_EQ(received, "last words");
}
// 227. test_wait_closed_on_close, test_eof_feed_when_closing_writer: close() is at once, so there is nothing
// to wait for; the stream's own reads are refused then, and the other end reads an end.
COTERIE_CASE(Server, ClientThatClosesIsGoneAtOnceAndItsHandlerReadsAnEnd) {
  coterie::run(client_closes<How>());
}

template <class How>
Task<void, How> closes_with_unread_data() {
  io::Listener listener = co_await listening();
  auto accept = [](const io::Listener& at) -> Task<io::Stream, How> { co_return co_await at.accept(); };
  auto accepting = spawn(accept, std::cref(listener));
  io::Stream client = co_await io::connect_tcp("127.0.0.1", listener.port());
  io::Stream server = co_await std::move(accepting);
  co_await server.write("unread");
  EXPECT_EQ(co_await client.read(2), "un");
  client.close();
  EXPECT_EQ(co_await server.read_to_end(), "");
}
// 227. test_wait_closed_on_close_with_unread_data
COTERIE_CASE(Server, UnreadDataDoesNotHoldUpAClose) {
  coterie::run(closes_with_unread_data<How>());
}

// 228. test_unhandled_exception
COTERIE_CASE(Server, HandlerThatThrowsIsReportedOnceAndItsConnectionClosed) {
  coterie::run(handler_throws<How>());
}

template <class How>
Task<void, How> handler_cancelled() {
  const Reports reports(EventLoop::current());
  auto handler = [](io::Stream stream) -> Task<void> {
    EventLoop::require_task().cancel(nullptr);
    (void)co_await stream.read_line();
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  EXPECT_EQ(co_await client.read_to_end(), "");
  co_await server.stop(Duration::zero());
  EXPECT_EQ(reports.count(), 0U);
}
// 228. test_unhandled_cancel
COTERIE_CASE(Server, HandlerThatIsCancelledEndsSilentlyAndItsConnectionIsClosed) {
  coterie::run(handler_cancelled<How>());
}

Task<void> limited() {
  Gate gate;
  auto handler = through(gate);
  io::Listener listener = co_await listening();
  io::ServerOptions options;
  options.max_connections = 2;
  io::Server server(std::move(listener), handler, options);
  std::vector<io::Stream> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(co_await connect_to(server));  // the kernel takes them all
  co_await until_inside(gate, 2);
  co_await ticks(50);
  EXPECT_EQ(gate.inside, 2U);
  EXPECT_EQ(server.connections(), 2U);
  gate.open.set();
  for (const io::Stream& client : clients) EXPECT_EQ(co_await client.read_to_end(), "served\n");
  co_await server.stop(Duration::zero());
}
TEST(Server, ConnectionsBeyondTheLimitWaitUntilOthersHaveEnded) {
  coterie::run(limited());
}
Task<void> nobody() {
  io::Listener listener = co_await listening();
  io::ServerOptions options;
  options.max_connections = 0;
  EXPECT_THROW(io::Server(std::move(listener), echo, options), std::invalid_argument);
}
TEST(Server, LimitOfNobodyIsRefused) {
  coterie::run(nobody());
}

}  // namespace
}  // namespace coterie::io_test
