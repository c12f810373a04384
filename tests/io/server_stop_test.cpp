// How a server and its connections end. Over loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "io/server_support.hpp"
#include "support/runtime.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
using ::testing::ElementsAre;
using ::testing::StartsWith;

Task<void> serve_forever(io::Server& server) {
  co_await server.serve_forever();
}

Task<void> cancelled_server() {
  Gate gate;
  auto handler = through(gate);
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  co_await until_inside(gate, 1);
  auto serving = spawn(serve_forever, std::ref(server));
  co_await ticks(3);
  serving.cancel();
  EXPECT_EQ(co_await end_of(serving), "cancelled");
  EXPECT_EQ(gate.cancelled, 1U);
  EXPECT_EQ(server.connections(), 0U);
  EXPECT_FALSE(server.is_serving());
  EXPECT_EQ(co_await client.read_to_end(), "");
}
TEST(ServerStop, CancelOfServeForeverEndsEverythingFirst) {
  coterie::run(cancelled_server());
}
Task<void> block() {
  io::Listener listener = co_await listening();
  const std::uint16_t port = listener.port();
  auto serve_echo = [](io::Listener at) -> Task<void> { co_await io::serve(std::move(at), echo); };
  auto serving = spawn(serve_echo, std::move(listener));
  io::Stream client = co_await io::connect_tcp("127.0.0.1", port);
  EXPECT_EQ(co_await ask(client, "x\n"), "x\n");
  serving.cancel();
  EXPECT_EQ(co_await end_of(serving), "cancelled");
  EXPECT_EQ(co_await client.read_to_end(), "");
}
TEST(ServerStop, ServeIsAServerForTheTimeOfACall) {
  coterie::run(block());
}

Task<void> graceful() {
  Gate gate;
  auto handler = through(gate);
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  co_await until_inside(gate, 1);
  auto stop = [](io::Server& of) -> Task<void> { co_await of.stop(1h); };
  auto stopping = spawn(stop, std::ref(server));
  co_await ticks(10);
  EXPECT_FALSE(stopping.done());
  EXPECT_EQ(gate.cancelled, 0U);
  gate.open.set();
  EXPECT_EQ(co_await client.read_to_end(), "served\n");
  co_await stopping;
}
TEST(ServerStop, StopLetsHandlersEndWithinTheGrace) {
  coterie::run(graceful());
}
Task<void> grace_is_over() {
  Gate gate;
  auto handler = through(gate);
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  co_await until_inside(gate, 1);
  co_await server.stop(1ms);
  EXPECT_EQ(gate.cancelled, 1U);
}
TEST(ServerStop, StopCancelsHandlersBehindTheGrace) {
  coterie::run(grace_is_over());
}

Task<void> clients_closed(bool abort) {
  const Reports reports(EventLoop::current());
  std::vector<std::string> ends;
  auto handler = [&](io::Stream stream) -> Task<void> {
    Task<std::string> reading = stream.read_line();
    Outcome<std::string> end = co_await outcome(std::move(reading));
    ends.push_back(end.cancelled() ? "cancelled" : end.has_exception() ? "error" : "line");
    (void)end.get();
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream one = co_await connect_to(server);
  io::Stream other = co_await connect_to(server);
  while (server.connections() < 2) co_await yield();
  co_await ticks(3);
  if (abort)
    server.abort_clients();
  else
    server.close_clients();
  EXPECT_EQ(co_await one.read_to_end(), "");
  EXPECT_EQ(co_await other.read_to_end(), "");
  while (server.connections() > 0) co_await yield();
  const std::string end = abort ? "error" : "cancelled";
  EXPECT_THAT(ends, ElementsAre(end, end));
  EXPECT_TRUE(server.is_serving());  // others may come
  server.close();
  co_await server.wait_closed();
  EXPECT_EQ(reports.count(), 0U);
}
TEST(ServerStop, CloseClientsCancelsTheirHandlers) {
  coterie::run(clients_closed(false));
}
TEST(ServerStop, AbortClientsClosesTheirSocketsAndIsNoErrorOfTheirs) {
  coterie::run(clients_closed(true));
}

Task<void> forgotten() {
  const Reports reports(EventLoop::current());
  {
    io::Listener listener = co_await listening();
    const io::Server server(std::move(listener), echo);
    co_await ticks(3);
  }
  EXPECT_EQ(reports.count(), 1U);
  EXPECT_THAT(reports[0].message, StartsWith("TaskScope 'server' was destroyed while its tasks run"));
}
TEST(ServerStop, OneThatIsDestroyedWhileItServesIsReported) {
  coterie::run(forgotten());
}

}  // namespace
}  // namespace coterie::io_test
