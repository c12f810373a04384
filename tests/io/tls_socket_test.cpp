// TLS between a client and a server of ours, over loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "coterie/io/tls.hpp"
#include "io/certificates.hpp"
#include "io/server_support.hpp"
#include "support/runtime.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
using ::testing::HasSubstr;

io::ServerOptions with_tls(const io::TlsServerOptions& tls = certificates().server.server()) {
  io::ServerOptions options;
  options.tls = io::TlsServerContext(tls);
  return options;
}
io::TlsContext trusting() {
  return certificates().authority.trusting();
}
Task<io::Stream> connect_tls_to(const io::Server& server, io::TlsContext tls) {
  return io::connect_tls("127.0.0.1", server.listener().port(), std::move(tls));
}

Task<void> talks() {
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), echo, with_tls());
  io::Stream client = co_await connect_tls_to(server, trusting());
  EXPECT_EQ(client.peer(), server.listener().str());
  EXPECT_EQ(co_await ask(client, "hello\n"), "hello\n");
  co_await client.shutdown_write();
  EXPECT_EQ(co_await client.read_to_end(), "");  // the server has said its end, too
  co_await server.stop(Duration::zero());
}
TEST(Tls, ClientAndServerTalkAndEndInOrder) {
  coterie::run(talks());
}

Task<void> by_name() {
  io::Listener listener = co_await io::listen_tcp("localhost", 0);
  Wanted wanted;
  wanted.names = "DNS:localhost";
  const Identity identity(wanted);
  io::Server server(std::move(listener), echo, with_tls(identity.server()));
  const io::TlsContext tls(identity.trusting());
  io::Stream client = co_await io::connect_tls("localhost", server.listener().port(), tls);
  EXPECT_EQ(co_await ask(client, "hello\n"), "hello\n");
  co_await server.stop(Duration::zero());
}
TEST(Tls, ByNameToo) {
  coterie::run(by_name());
}

constexpr std::size_t much = 4 << 20;
Task<void> send_much(const io::Stream& to) {
  const std::string text(much, 'x');
  co_await to.write(text);
  co_await to.shutdown_write();
}
Task<void> full_duplex() {
  auto both = [](io::Stream stream) -> Task<void> {
    auto sending = spawn(send_much, std::cref(stream));
    const std::string text = co_await stream.read_to_end();
    EXPECT_EQ(text.size(), much);
    co_await sending;
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), both, with_tls());
  io::Stream client = co_await connect_tls_to(server, trusting());
  auto sending = spawn(send_much, std::cref(client));
  const std::string text = co_await client.read_to_end();
  EXPECT_EQ(text, std::string(much, 'x'));
  co_await sending;
  server.close();
  co_await server.wait_closed();
}
TEST(Tls, BothSidesSendMoreThanSocketsHoldAtOnce) {
  coterie::run(full_duplex());
}

Task<void> writes_and_goes() {
  std::string received;
  auto handler = [&](io::Stream stream) -> Task<void> { received = co_await stream.read_to_end(); };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler, with_tls());
  {
    io::Stream client = co_await connect_tls_to(server, trusting());
    co_await client.write("all that I have to say");
  }  // closes, and has read nothing
  server.close();
  co_await server.wait_closed();
  EXPECT_EQ(received, "all that I have to say");
}
TEST(Tls, WordsOfAClientThatReadsNothingArrive) {
  coterie::run(writes_and_goes());
}

Task<void> refused() {
  const Reports reports(EventLoop::current());
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), echo, with_tls());
  EXPECT_THAT(co_await end_of(connect_tls_to(server, io::TlsContext())),
              HasSubstr("'CN=the test CA' vouches for its certificate and is not known here"));
  io::Stream client = co_await connect_tls_to(server, trusting());  // others are served
  EXPECT_EQ(co_await ask(client, "hello\n"), "hello\n");
  co_await server.stop(Duration::zero());
  EXPECT_EQ(reports.count(), 0U);
}
TEST(Tls, ServerGoesOnWhenAClientDoesNotTrustIt) {
  coterie::run(refused());
}

Task<void> not_tls() {
  const Reports reports(EventLoop::current());
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), echo, with_tls());
  io::Stream client = co_await connect_to(server);
  co_await client.write("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(co_await client.read_to_end(), "");
  while (server.connections() > 0) co_await yield();
  EXPECT_EQ(reports.count(), 0U);
  EventLoop::current().set_debug(true);
  io::Stream again = co_await connect_to(server);
  co_await again.write("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(co_await again.read_to_end(), "");
  while (server.connections() > 0) co_await yield();
  EXPECT_EQ(reports.count(), 1U);
  EXPECT_EQ(reports[0].message, "A client failed to begin TLS");
  EXPECT_THAT(text(reports[0].error),
              HasSubstr("the other end speaks something else; is this the right port?"));
  co_await server.stop(Duration::zero());
}
TEST(Tls, ClientWithoutTlsIsHungUpOnAndReportedInDebugModeAlone) {
  coterie::run(not_tls());
}

Task<void> silent_server() {
  io::Listener listener = co_await listening();  // the kernel accepts, nobody answers
  io::ConnectOptions options;
  options.timeout = 20ms;
  Task<io::Stream> connecting = io::connect_tls("127.0.0.1", listener.port(), io::TlsContext(), options);
  Outcome<io::Stream> end = co_await outcome(std::move(connecting));
  try {
    (void)end.get();
    ADD_FAILURE() << "connected";
  } catch (const TimeoutError& error) {
    EXPECT_EQ(error.what(), "cannot connect to " + listener.str() + " within 0.02 s");
  }
}
TEST(Tls, HandshakeIsWithinTheDeadlineOfTheConnection) {
  coterie::run(silent_server());
}

Task<void> silent_client() {
  io::TlsServerOptions tls = certificates().server.server();
  tls.handshake_timeout = 1ms;
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), echo, with_tls(tls));
  io::Stream client = co_await connect_to(server);
  EXPECT_EQ(co_await client.read_to_end(), "");  // dropped
  co_await server.stop(Duration::zero());
}
TEST(Tls, ClientThatSaysNothingIsDropped) {
  coterie::run(silent_client());
}

Task<void> gone() {
  io::Listener listener = co_await listening();
  auto hang_up = [](const io::Listener& at) -> Task<void> { io::Stream stream = co_await at.accept(); };
  auto server = spawn(hang_up, std::cref(listener));
  const std::string end = co_await end_of(io::connect_tls("127.0.0.1", listener.port(), io::TlsContext()));
  // With the client's first words unread, or before they came.
  EXPECT_THAT(end, HasSubstr("Connection reset by peer"));
  co_await server;
}
TEST(Tls, ServerThatHangsUpInTheHandshakeIsAnError) {
  coterie::run(gone());
}

Task<void> cancelled() {
  io::Listener listener = co_await listening();
  auto read = [](const io::Listener& at) -> Task<std::size_t> {
    io::Stream stream = co_await at.accept();
    const std::string hello = co_await stream.read_to_end();
    co_return hello.size();
  };
  auto server = spawn(read, std::cref(listener));
  auto connect = [](std::uint16_t port) -> Task<void> { (void)co_await io::connect_tls("127.0.0.1", port); };
  auto client = spawn(connect, listener.port());
  // Its hello is on the way when somebody else can accept it.
  while (!client.done() && client.stack().size() < 4) co_await yield();
  co_await ticks(20);
  client.cancel();
  EXPECT_EQ(co_await end_of(client), "cancelled");
  (void)co_await server;  // ends: the client's socket was closed
}
TEST(Tls, CancelOfTheHandshakeClosesTheConnection) {
  coterie::run(cancelled());
}

// --- certificates of clients

Task<void> mutual() {
  io::TlsServerOptions tls = certificates().server.server();
  tls.client_ca_file = certificates().authority.certificate_file();
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), echo, with_tls(tls));

  io::TlsOptions known = certificates().authority.trusting();
  known.certificate_file = certificates().client.certificate_file();
  known.key_file = certificates().client.key_file();
  io::Stream client = co_await connect_tls_to(server, known);
  EXPECT_EQ(co_await ask(client, "hello\n"), "hello\n");

  // With TLS 1.3 the client has done its part before it hears of the refusal.
  io::Stream stranger = co_await connect_tls_to(server, trusting());
  EXPECT_EQ(
      co_await end_of(stranger.read_line()),
      "cannot read from " + server.listener().str() +
          ": the other end refused it with the alert 'certificate required': name the files of a certificate "
          "in TlsOptions::certificate_file and key_file: certificate required");

  const Identity self_made{Wanted()};
  io::TlsOptions other = certificates().authority.trusting();
  other.certificate_file = self_made.certificate_file();
  other.key_file = self_made.key_file();
  io::Stream unknown = co_await connect_tls_to(server, other);
  EXPECT_THAT(co_await end_of(unknown.read_line()), HasSubstr("it does not accept our certificate"));
  co_await server.stop(Duration::zero());
}
TEST(Tls, ServerMayAskForCertificatesOfItsCa) {
  coterie::run(mutual());
}

// --- start_tls

Task<void> answer_starttls(io::Stream stream) {
  EXPECT_EQ(co_await stream.read_line(), "STARTTLS\n");
  co_await stream.write("go on\n");
  const io::TlsServerContext tls(certificates().server.server());
  stream = co_await io::start_tls(std::move(stream), tls);
  co_await echo(std::move(stream));
}
Task<void> starttls() {
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), answer_starttls);
  io::Stream client = co_await connect_to(server);
  EXPECT_EQ(co_await ask(client, "STARTTLS\n"), "go on\n");
  client = co_await io::start_tls(std::move(client), "127.0.0.1", trusting());
  EXPECT_EQ(co_await ask(client, "hello\n"), "hello\n");
  co_await server.stop(Duration::zero());
}
TEST(StartTls, ConnectionGoesOnWithTls) {
  coterie::run(starttls());
}

}  // namespace
}  // namespace coterie::io_test
