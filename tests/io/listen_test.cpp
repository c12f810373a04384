// Listeners of TCP, over loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <functional>

#include "io/faulty_accept.hpp"
#include "io/server_support.hpp"
#include "support/runtime.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Task<io::Stream> accept(const io::Listener& listener) {
  co_return co_await listener.accept();
}
Task<std::string> line_of_next(const io::Listener& listener) {
  io::Stream stream = co_await listener.accept();
  co_return co_await stream.read_line();
}
Task<void> send_line(std::string host, std::uint16_t port) {
  io::Stream stream = co_await io::connect_tcp(host, port);
  co_await stream.write("to " + host + "\n");
}

Task<void> gets_a_port() {
  io::Listener listener = co_await listening();
  EXPECT_NE(listener.port(), 0);
  EXPECT_EQ(listener.str(), "127.0.0.1:" + std::to_string(listener.port()));
  auto server = spawn(accept, std::cref(listener));
  io::Stream client = co_await io::connect_tcp("127.0.0.1", listener.port());
  io::Stream accepted = co_await std::move(server);
  EXPECT_THAT(accepted.peer(), StartsWith("127.0.0.1:"));
  co_await accepted.write("hello\n");
  EXPECT_EQ(co_await client.read_line(), "hello\n");
}
TEST(ListenTcp, PortZeroIsOneThatIsFree) {
  coterie::run(gets_a_port());
}

Task<bool> takes(std::string host, std::uint16_t port) {
  Task<io::Stream> connecting = io::connect_tcp(std::move(host), port);
  const Outcome<io::Stream> end = co_await outcome(std::move(connecting));
  co_return end.has_value();
}
bool has_ipv6() {
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool has = ::bind(fd, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0;
  ::close(fd);
  return has;
}

Task<void> both_families(bool dual_stack) {
  io::ListenOptions options;
  options.dual_stack = dual_stack;
  io::Listener listener = co_await io::listen_tcp("", 0, options);
  EXPECT_EQ(listener.endpoints().size(), dual_stack || !has_ipv6() ? 1U : 2U);
  for (const std::string host : {"127.0.0.1", "::1"}) {
    if (host == "::1" && !has_ipv6()) continue;
    auto server = spawn(line_of_next, std::cref(listener));
    co_await send_line(host, listener.port());
    EXPECT_EQ(co_await server, "to " + host + "\n");
  }
}
TEST(ListenTcp, WithoutAHostBothFamiliesAreServedAtOnePort) {
  coterie::run(both_families(true));
  coterie::run(both_families(false));
}

Task<void> six_alone() {
  io::ListenOptions options;
  options.dual_stack = false;
  io::Listener listener = co_await io::listen_tcp("::", 0, options);
  const bool by_four = co_await takes("127.0.0.1", listener.port());
  EXPECT_FALSE(by_four);
  const bool by_six = co_await takes("::1", listener.port());
  EXPECT_TRUE(by_six);
}
TEST(ListenTcp, DualStackIsAChoice) {
  if (has_ipv6()) coterie::run(six_alone());
}

Task<void> four_through_six() {
  io::Listener listener = co_await io::listen_tcp("::", 0);
  auto server = spawn(accept, std::cref(listener));
  io::Stream client = co_await io::connect_tcp("127.0.0.1", listener.port());
  io::Stream accepted = co_await std::move(server);
  EXPECT_THAT(accepted.peer(), StartsWith("127.0.0.1:"));
}
TEST(ListenTcp, PeerOfTheOtherFamilyHasItsOwnAddress) {
  if (has_ipv6()) coterie::run(four_through_six());
}

Task<void> in_use() {
  io::Listener listener = co_await listening();
  const std::uint16_t port = listener.port();
  EXPECT_EQ(co_await end_of(io::listen_tcp("127.0.0.1", port)),
            "cannot listen at 127.0.0.1:" + std::to_string(port) + ": Address already in use");
  listener.close();
  EXPECT_EQ(listener.port(), 0);
  listener = co_await io::listen_tcp("127.0.0.1", port);
  EXPECT_EQ(listener.port(), port);
}
TEST(ListenTcp, PortInUseIsNamedAndFreeAgainAfterClose) {
  coterie::run(in_use());
}

Task<void> restarted() {
  io::Listener listener = co_await listening();
  const std::uint16_t port = listener.port();
  auto server = spawn(accept, std::cref(listener));
  io::Stream client = co_await io::connect_tcp("127.0.0.1", port);
  {
    io::Stream accepted = co_await std::move(server);
    listener.close();
  }  // this end closes first, so its address rests in TIME_WAIT
  EXPECT_EQ(co_await client.read_to_end(), "");
  client.close();
  listener = co_await io::listen_tcp("127.0.0.1", port);
}
TEST(ListenTcp, RestartedServerGetsItsPortBackAtOnce) {
  coterie::run(restarted());
}

Task<void> shared_port() {
  io::ListenOptions options;
  options.reuse_port = true;
  io::Listener one = co_await listening(options);
  io::Listener other = co_await io::listen_tcp("127.0.0.1", one.port(), options);
  EXPECT_EQ(other.port(), one.port());
}
TEST(ListenTcp, SeveralMayShareAPortWhereThatIsSaid) {
  coterie::run(shared_port());
}

Task<void> closed_under_waiters() {
  io::Listener listener = co_await listening();
  const std::string name = listener.str();
  auto one = spawn(accept, std::cref(listener));
  auto other = spawn(accept, std::cref(listener));
  co_await ticks(3);
  listener.close();
  listener.close();
  const std::string closed = "the listener at " + name + " was closed: Operation canceled";
  EXPECT_EQ(co_await end_of(std::move(one)), closed);
  EXPECT_EQ(co_await end_of(std::move(other)), closed);
  EXPECT_EQ(co_await end_of(listener.accept()), closed);
}
TEST(ListenTcp, CloseEndsThoseWhoWait) {
  coterie::run(closed_under_waiters());
}

Task<void> cancelled_accept() {
  io::Listener listener = co_await listening();
  auto waiting = spawn(accept, std::cref(listener));
  co_await ticks(3);
  waiting.cancel();
  EXPECT_EQ(co_await end_of(std::move(waiting)), "cancelled");
  auto next = spawn(line_of_next, std::cref(listener));
  co_await send_line("127.0.0.1", listener.port());
  EXPECT_EQ(co_await next, "to 127.0.0.1\n");
}
TEST(ListenTcp, CancelledAcceptLosesNoConnection) {
  coterie::run(cancelled_accept());
}

/// What a listener with these errors ahead gives, and what the loop's handler heard.
Task<std::vector<std::string>> accept_after(std::deque<int> errors) {
  io::ListenOptions options;
  options.exhausted_pause = 1ms;
  io::Listener listener = co_await listening(options);
  const Reports reports(EventLoop::current());
  const FaultyAccept faulty(std::move(errors));
  auto server = spawn(line_of_next, std::cref(listener));
  co_await send_line("127.0.0.1", listener.port());
  EXPECT_EQ(co_await server, "to 127.0.0.1\n");
  EXPECT_EQ(FaultyAccept::left(), 0U);
  std::vector<std::string> heard;
  for (std::size_t i = 0; i < reports.count(); ++i) {
    EXPECT_EQ(reports[i].message, "No connection can be accepted at " + listener.str() + "; trying again");
    heard.push_back(text(reports[i].error));
  }
  co_return heard;
}
/// Without the debug socket, whose thread accepts too.
RunOptions alone() {
  RunOptions options;
  options.debug_socket = false;
  return options;
}
TEST(ListenTcp, WithoutDescriptorsItRestsSaysSoOnceAndGoesOn) {
  EXPECT_THAT(coterie::run(accept_after({EMFILE, EMFILE, EMFILE}), alone()),
              ElementsAre("accept: Too many open files"));
  for (const int error : {ENFILE, ENOBUFS, ENOMEM})
    EXPECT_EQ(coterie::run(accept_after({error, error}), alone()).size(), 1U) << error;
}
TEST(ListenTcp, ConnectionThatCameAndWentIsPassedOver) {
  EXPECT_THAT(coterie::run(accept_after({ECONNABORTED, EPROTO, ENETDOWN, EINTR, EAGAIN}), alone()),
              ElementsAre());
}

Task<void> two_shortages() {
  io::ListenOptions options;
  options.exhausted_pause = 1ms;
  io::Listener listener = co_await listening(options);
  const Reports reports(EventLoop::current());
  for (std::size_t shortage = 1; shortage <= 2; ++shortage) {
    const FaultyAccept faulty({EMFILE, EMFILE});
    auto server = spawn(line_of_next, std::cref(listener));
    co_await send_line("127.0.0.1", listener.port());
    co_await server;
    EXPECT_EQ(reports.count(), shortage);
  }
}
TEST(ListenTcp, NextShortageIsSaidAgain) {
  coterie::run(two_shortages(), alone());
}

Task<void> closed_while_resting() {
  io::ListenOptions options;
  options.exhausted_pause = 1h;
  io::Listener listener = co_await listening(options);
  const Reports reports(EventLoop::current());
  const FaultyAccept faulty({EMFILE, EMFILE});
  auto server = spawn(accept, std::cref(listener));
  while (reports.count() == 0) co_await yield();
  co_await ticks(100);
  EXPECT_EQ(FaultyAccept::left(), 1U);  // it does not ask again and again
  listener.close();
  EXPECT_THAT(co_await end_of(std::move(server)), HasSubstr("was closed"));
}
TEST(ListenTcp, CloseEndsThePauseToo) {
  coterie::run(closed_while_resting(), alone());
}

Task<void> nowhere() {
  EXPECT_THAT(co_await end_of(io::listen_tcp("no-such-host.invalid", 0)),
              HasSubstr("'no-such-host.invalid'"));
  EXPECT_THAT(co_await end_of(io::listen_tcp("192.0.2.1", 0)),
              StartsWith("cannot listen at 192.0.2.1:0: Cannot assign requested address"));
}
TEST(ListenTcp, AddressThatIsNotOursIsNamed) {
  coterie::run(nowhere());
}

}  // namespace
}  // namespace coterie::io_test
