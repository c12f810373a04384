// Server: who is served, and until when. Over loopback. Lines are those of the list of asyncio's behaviours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "io/server_support.hpp"
#include "support/both_ways.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
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
  coterie::run(serves(), run_options());
}

Task<void> over_unix(std::string path) {
  io::Server server(io::listen_unix(path), echo);
  io::Stream client = co_await io::connect_unix(path);
  EXPECT_EQ(co_await ask(client, "by path\n"), "by path\n");
  co_await server.stop(Duration::zero());
}
TEST(Server, ServesUnixSocketsAsWell) {
  coterie::run(over_unix("/tmp/coterie-server-" + std::to_string(::getpid())), run_options());
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
  coterie::run(closed_first<How>(), run_options());
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
  coterie::run(connections_first<How>(), run_options());
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
  coterie::run(itself(), run_options());
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
  coterie::run(limited(), run_options());
}
Task<void> nobody() {
  io::Listener listener = co_await listening();
  io::ServerOptions options;
  options.max_connections = 0;
  EXPECT_THROW(io::Server(std::move(listener), echo, options), std::invalid_argument);
}
TEST(Server, LimitOfNobodyIsRefused) {
  coterie::run(nobody(), run_options());
}

}  // namespace
}  // namespace coterie::io_test
