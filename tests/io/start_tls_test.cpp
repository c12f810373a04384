// TLS that begins on a stream in use, and options that cannot be. Over a script: no socket, no time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "coterie/io/tls.hpp"
#include "io/support.hpp"
#include "io/tls_peer.hpp"
#include "support/both_ways.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
using ::testing::HasSubstr;

io::TlsServerContext server() {
  return certificates().server.server();
}

// 229. test_start_tls_buffered_data
COTERIE_CASE(StartTls, BytesThatHadComeBeforeAreOfTls) {
  run([]() -> Co<> {
    Script script;
    TlsPeer client(nullptr);
    client.feed("");  // says hello
    feed(script, "STARTTLS\n" + client.output());
    io::Stream plain = stream_of(script);
    EXPECT_EQ(co_await plain.read_line(), "STARTTLS\n");
    auto carrier = spawn(carry, std::ref(script), std::ref(client));
    io::Stream stream = co_await io::start_tls(std::move(plain), server());
    client.write("and on\n");
    EXPECT_EQ(co_await stream.read_line(), "and on\n");
    carrier.cancel();
    co_await carrier.wait();
  });
}

TEST(StartTls, LimitOfTheStreamStays) {
  run([]() -> Task<void> {
    Script script;
    TlsPeer client(nullptr);
    auto carrier = spawn(carry, std::ref(script), std::ref(client));
    client.feed("");
    io::Stream stream = co_await io::start_tls(stream_of(script, 5), server());
    client.write("too long\n");
    EXPECT_EQ(co_await end_of(stream.read_line()), "a separator was found, but behind more than 5 bytes");
    carrier.cancel();
    co_await carrier.wait();
  });
}

Task<void> read_on(const io::Stream& stream) {
  (void)co_await stream.read_line();
}
TEST(StartTls, StreamInUseIsRefusedAndClosed) {
  run([]() -> Task<void> {
    Script script;
    io::Stream stream = stream_of(script);
    auto reader = spawn(read_on, std::cref(stream));
    co_await ticks(2);
    EXPECT_EQ(co_await end_of(io::start_tls(std::move(stream), server())),
              "this stream is being read or written by another task");
    EXPECT_TRUE(script.closed);
    reader.cancel();
    co_await reader.wait();
    // NOLINTNEXTLINE(bugprone-use-after-move)
    EXPECT_EQ(co_await end_of(io::start_tls(std::move(stream), server())),
              "this Stream was moved from: it holds no connection");
    io::Stream closed = stream_of(script);
    closed.close();
    EXPECT_EQ(co_await end_of(io::start_tls(std::move(closed), server())),
              "the stream is closed: Connection reset by peer");
  });
}

TEST(StartTls, EndInTheHandshakeIsAnErrorAndCloses) {
  run([]() -> Task<void> {
    Script script;
    feed(script, "");
    EXPECT_EQ(co_await end_of(io::start_tls(stream_of(script), "server.test", io::TlsContext())),
              "no TLS connection to the script: the other end closed the connection during the handshake: "
              "Connection reset by peer");
    EXPECT_TRUE(script.closed);
    EXPECT_EQ(script.farewell, "");
  });
}

TEST(StartTls, DeadlineIsTheOptions) {
  run([]() -> Task<void> {
    Script script;
    io::TlsOptions options;
    options.handshake_timeout = 7s;
    const double before = seconds();
    const io::TlsContext tls(options);
    Task<io::Stream> starting = io::start_tls(stream_of(script), "server.test", tls);
    Outcome<io::Stream> end = co_await outcome(std::move(starting));
    EXPECT_EQ(seconds() - before, 7.0);
    EXPECT_EQ(text(end), "timeout");
    EXPECT_TRUE(script.closed);
  });
}

Task<io::Stream> start(Script& script) {
  return io::start_tls(stream_of(script), "server.test");
}
TEST(StartTls, CancelCloses) {
  run([]() -> Task<void> {
    Script script;
    auto starting = spawn(start, std::ref(script));
    co_await ticks(5);
    starting.cancel();
    EXPECT_EQ(co_await end_of(std::move(starting)), "cancelled");
    EXPECT_TRUE(script.closed);
  });
}

// --- a ticket that comes in pieces, while nobody reads and somebody writes

void cut_into_small_records(SSL_CTX* context) {
  ::SSL_CTX_set_max_send_fragment(context, 512);
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });  // tickets hold it
  ::SSL_CTX_set_num_tickets(context, 1);
}
Task<void> write(const io::Stream& to, std::string text) {
  co_await to.write(text);
}
/// The length of the first record in `bytes`.
std::size_t record(const std::string& bytes) {
  return 5 + static_cast<unsigned char>(bytes.at(3)) * 256U + static_cast<unsigned char>(bytes.at(4));
}
io::TlsContext known_client() {
  io::TlsOptions options = certificates().authority.trusting();
  options.certificate_file = certificates().client.certificate_file();
  options.key_file = certificates().client.key_file();
  return options;
}

/// A client, and a server whose ticket is under way: `piece` was fed, `rest` was not.
struct HalfATicket {
  Script script;
  TlsPeer peer{&certificates().server, cut_into_small_records};
  std::string rest;
  HalfATicket() = default;
};
Task<io::Stream> meet(HalfATicket& half) {
  auto starting = spawn(
      [](Script& script) -> Task<io::Stream> {
        return io::start_tls(stream_of(script), "server.test", known_client());
      },
      std::ref(half.script));
  while (!half.peer.ready()) {
    co_await yield();
    half.peer.feed(std::exchange(half.script.written, {}));
    if (half.peer.ready()) break;  // what comes next is the ticket
    const std::string out = half.peer.output();
    if (!out.empty()) feed(half.script, out);
  }
  io::Stream stream = co_await std::move(starting);
  half.rest = half.peer.output();
  EXPECT_LT(record(half.rest), half.rest.size());  // several records
  feed(half.script, half.rest.substr(0, record(half.rest)));
  half.rest.erase(0, record(half.rest));
  co_return stream;
}

TEST(TlsTicket, WriterWaitsForTheRestThatTheReaderGets) {
  run([]() -> Task<void> {
    HalfATicket half;
    io::Stream stream = co_await meet(half);
    auto reader = spawn(read_on, std::cref(stream));
    co_await ticks(5);
    auto writer = spawn(write, std::cref(stream), "written meanwhile");
    co_await ticks(5);
    EXPECT_FALSE(writer.done());
    EXPECT_EQ(half.script.written, "");
    feed(half.script, half.rest);
    co_await writer;
    half.peer.feed(half.script.written);
    EXPECT_EQ(half.peer.received, "written meanwhile");
    half.peer.write("an answer\n");
    feed(half.script, half.peer.output());
    co_await reader;
  });
}

TEST(TlsTicket, WriterGetsTheRestItselfWhenTheReaderWasCancelled) {
  run([]() -> Task<void> {
    HalfATicket half;
    io::Stream stream = co_await meet(half);
    auto reader = spawn(read_on, std::cref(stream));
    co_await ticks(5);
    auto writer = spawn(write, std::cref(stream), "written meanwhile");
    co_await ticks(5);
    reader.cancel();
    EXPECT_EQ(co_await end_of(reader), "cancelled");
    half.peer.write("an answer\n");  // behind the ticket, and not the writer's to lose
    feed(half.script, half.rest + half.peer.output());
    co_await writer;
    half.peer.feed(half.script.written);
    EXPECT_EQ(half.peer.received, "written meanwhile");
    EXPECT_EQ(co_await stream.read_line(), "an answer\n");
  });
}

TEST(TlsTicket, EndOfWritingWaitsForTheRest) {
  run([]() -> Task<void> {
    HalfATicket half;
    io::Stream stream = co_await meet(half);
    auto reader = spawn(read_on, std::cref(stream));
    co_await ticks(5);
    auto shut = [](const io::Stream& of) -> Task<void> { co_await of.shutdown_write(); };
    auto shutting = spawn(shut, std::cref(stream));
    co_await ticks(5);
    EXPECT_FALSE(shutting.done());
    feed(half.script, half.rest);
    co_await shutting;
    half.peer.feed(half.script.written);
    EXPECT_TRUE(half.peer.ended);
    reader.cancel();
    co_await reader.wait();
  });
}

// --- options

std::string refusal(const io::TlsOptions& options) {
  try {
    const io::TlsContext tls(options);
    return "accepted";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}
TEST(TlsOptions, EachThatCannotBeIsNamedWithItsFile) {
  const Identity& client = certificates().client;
  const TempFile empty;
  io::TlsOptions options;
  options.ca_file = "/no/such/ca.pem";
  EXPECT_EQ(refusal(options),
            "TlsOptions::ca_file: '/no/such/ca.pem' cannot be read: No such file or directory");
  options.ca_file = "/tmp";
  EXPECT_EQ(refusal(options), "TlsOptions::ca_file: '/tmp' cannot be read: Is a directory");
  options.ca_file = empty.path();
  EXPECT_THAT(refusal(options), HasSubstr("' holds no certificates in PEM: "));
  options = io::TlsOptions();
  options.certificate_file = client.certificate_file();
  EXPECT_EQ(refusal(options),
            "TlsOptions::key_file: a certificate and its key are needed, and this one is not named");
  options.key_file = certificates().server.key_file();
  EXPECT_THAT(refusal(options), HasSubstr("' is not the key of '" + client.certificate_file() + "'"));
  options.key_file = client.locked_key_file();
  EXPECT_THAT(refusal(options), HasSubstr("' is no key in PEM without a passphrase"));
  options.key_file = client.key_file();
  EXPECT_EQ(refusal(options), "accepted");
  options.certificate_file = client.key_file();
  EXPECT_THAT(refusal(options), HasSubstr("' is no certificate in PEM that can be used"));
}
TEST(TlsOptions, ServerNeedsACertificate) {
  EXPECT_THROW(io::TlsServerContext{io::TlsServerOptions()}, std::invalid_argument);
}

}  // namespace
}  // namespace coterie::io_test
