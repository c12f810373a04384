// What a TLS stream does with what comes, with cancels and with its end. Over a script: no socket, no time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "coterie/io/tls.hpp"
#include "io/tls_peer.hpp"
#include "support/runtime.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A client's stream, and the server that it has met.
class Met {
 public:
  explicit Met(TlsPeer::Configure configure = nullptr) : peer(&certificates().server, configure) {}

  /// `body(stream)`, while bytes are carried both ways.
  template <class Body>
  Task<void> with(Body& body) {
    carrier = spawn(carry, std::ref(script), std::ref(peer));
    const io::TlsContext tls(certificates().authority.trusting());
    io::Stream stream = co_await io::start_tls(stream_of(script), "server.test", tls);
    co_await ticks(3);
    Task<void> running = body(stream);
    const Outcome<void> end = co_await outcome(std::move(running));
    stream.close();
    stop();
    co_await carrier.wait();
    (void)end.get();
  }
  void stop() const { carrier.cancel(); }

  Script script;
  TlsPeer peer;
  JoinHandle<void> carrier;
};

template <class Body>
void meet(Met& met, Body body) {
  run([&]() -> Task<void> { co_await met.with(body); });
}

Task<void> write(const io::Stream& to, std::string text) {
  co_await to.write(text);
}
Task<std::string> read_line(const io::Stream& from) {
  co_return co_await from.read_line();
}

TEST(TlsStream, BytesGoBothWays) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    const std::string much(100'000, 'x');
    co_await stream.write(much);
    co_await stream.write("!\n");
    co_await ticks(3);
    EXPECT_EQ(met.peer.received, much + "!\n");
    met.peer.write("an answer\n");
    EXPECT_EQ(co_await stream.read_line(), "an answer\n");
    EXPECT_EQ(stream.peer(), "the script");
  });
}

TEST(TlsStream, EndOfTheOtherSideIsAnEnd) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    met.peer.write("last words");
    met.peer.say_end();
    EXPECT_EQ(co_await stream.read_to_end(), "last words");
    co_await stream.write("heard");  // which is not our end
    co_await ticks(3);
    EXPECT_EQ(met.peer.received, "heard");
  });
}

TEST(TlsStream, EndThatSomebodyCutIsAnErrorAndWhatCameIsThere) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    met.peer.write("half of it");
    co_await ticks(3);
    feed(met.script, "");  // the connection ends, TLS has not
    EXPECT_EQ(co_await stream.read(100), "half of it");
    Task<std::string> reading = stream.read(100);
    Outcome<std::string> end = co_await outcome(std::move(reading));
    EXPECT_EQ(
        text(end),
        "the connection to the script ended without the end of TLS (close_notify): what came may be a part: "
        "truncated");
    EXPECT_FALSE(stream.at_end());
  });
}

TEST(TlsStream, CutInsideARecordIsTheSameError) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    met.stop();
    co_await met.carrier.wait();
    met.peer.write("in one record");
    std::string bytes = met.peer.output();
    bytes.resize(bytes.size() - 1);
    feed(met.script, bytes);
    feed(met.script, "");
    EXPECT_THAT(co_await end_of(stream.read(100)), HasSubstr("ended without the end of TLS"));
  });
}

TEST(TlsStream, BytesThatWereChangedOnTheWayAreRefusedForGood) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    met.stop();
    co_await met.carrier.wait();
    met.peer.write("in one record");
    std::string bytes = met.peer.output();
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    feed(met.script, bytes);
    const std::string first = co_await end_of(stream.read(100));
    EXPECT_THAT(first, StartsWith("cannot read from the script: "));
    EXPECT_EQ(co_await end_of(stream.read(100)), first);
    EXPECT_EQ(co_await end_of(write(stream, "x")), first);
  });
  EXPECT_NE(met.script.farewell, "");  // an alert, not an end
  met.peer.feed(met.script.farewell);
  EXPECT_FALSE(met.peer.ended);
}

TEST(TlsStream, ShutdownSaysTheEndAndReadingGoesOn) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    co_await stream.write("a question");
    co_await stream.shutdown_write();
    co_await ticks(3);
    EXPECT_EQ(met.peer.received, "a question");
    EXPECT_TRUE(met.peer.ended);
    EXPECT_FALSE(met.script.ended);  // TLS may have to answer still
    EXPECT_EQ(co_await end_of(write(stream, "more")),
              "the writing side of the connection to the script was shut down: Broken pipe");
    met.peer.write("an answer");
    met.peer.say_end();
    EXPECT_EQ(co_await stream.read_to_end(), "an answer");
  });
  EXPECT_EQ(met.script.farewell, "");  // it was said before
}

TEST(TlsStream, CloseSaysTheEndWhereItGoesOutAtOnce) {
  Met met;
  meet(met, [](const io::Stream&) -> Task<void> { co_return; });
  EXPECT_FALSE(met.peer.ended);
  met.peer.feed(met.script.farewell);
  EXPECT_TRUE(met.peer.ended);
  EXPECT_TRUE(met.script.closed);
}

TEST(TlsStream, CancelledReadLosesNothing) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    auto reader = spawn(read_line, std::cref(stream));
    met.stop();
    co_await met.carrier.wait();
    met.peer.write("a line\n");
    const std::string bytes = met.peer.output();
    feed(met.script, bytes.substr(0, 9));
    co_await ticks(5);
    reader.cancel();
    EXPECT_EQ(co_await end_of(reader), "cancelled");
    feed(met.script, bytes.substr(9));
    EXPECT_EQ(co_await stream.read_line(), "a line\n");
  });
}

TEST(TlsStream, CancelledWriteRefusesLaterOnesAndIsNoEndForTheOtherSide) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    met.stop();
    co_await met.carrier.wait();
    auto writer = spawn(write, std::cref(stream), "a message");
    auto next = spawn(write, std::cref(stream), "another");
    while (met.script.written.size() < 10) co_await yield();
    writer.cancel();
    EXPECT_EQ(co_await end_of(writer), "cancelled");
    EXPECT_EQ(co_await end_of(next), "an earlier write was cut off in the middle: Connection reset by peer");
    EXPECT_EQ(met.script.written.size(), 10U);
    met.peer.feed(met.script.written);
    EXPECT_EQ(met.peer.received, "");
    EXPECT_EQ(co_await end_of(stream.shutdown_write()),
              "an earlier write to the script was cut off in the middle: Connection reset by peer");
    met.peer.write("still read\n");
    feed(met.script, met.peer.output());
    EXPECT_EQ(co_await stream.read_line(), "still read\n");
  });
  EXPECT_EQ(met.script.farewell, "");
}

TEST(TlsStream, WriteGoesOnWhileAReaderWaits) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    auto reader = spawn(read_line, std::cref(stream));
    co_await ticks(3);
    co_await stream.write("while it reads");
    co_await ticks(3);
    EXPECT_EQ(met.peer.received, "while it reads");
    met.peer.write("now\n");
    EXPECT_EQ(co_await reader, "now\n");
  });
}

TEST(TlsStream, NewKeysAreTakenByTheReaderAndAnsweredByTheNextWriter) {
  Met met;
  meet(met, [&](const io::Stream& stream) -> Task<void> {
    auto reader = spawn(read_line, std::cref(stream));
    co_await stream.write("one ");
    for (int i = 0; i < 100; ++i) {  // no answer for each of them piles up
      met.peer.update_keys();
      co_await ticks(3);
    }
    EXPECT_EQ(met.script.written, "");
    met.peer.write("with new keys\n");
    EXPECT_EQ(co_await reader, "with new keys\n");
    co_await stream.write("two");
    co_await ticks(3);
    EXPECT_EQ(met.peer.received, "one two");
  });
}

TEST(TlsStream, EachEndCanCloseWhileTheOtherReads) {
  Met met;
  meet(met, [&](io::Stream& stream) -> Task<void> {
    auto reader = spawn(read_line, std::cref(stream));
    co_await ticks(3);
    stream.close();
    met.peer.feed(met.script.farewell);
    EXPECT_TRUE(met.peer.ended);
    reader.cancel();  // a script does not wake who waits
    EXPECT_EQ(co_await end_of(reader), "cancelled");
  });
}

}  // namespace
}  // namespace coterie::io_test
