// Stream's writer, and its end.
#include <gtest/gtest.h>

#include "coterie/io/stream.hpp"
#include "io/script_transport.hpp"
#include "support/both_ways.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;

template <class How = catching>
Task<void, How> write(const io::Stream& to, std::string text) {
  co_await to.write(text);
}

// 225. test_multiple_drain
COTERIE_CASE(StreamWrite, TenWritersAtOnceAllGoOnAndTheirBytesDoNotMix) {
  run([]() -> Co<> {
    Script script;
    script.gate.clear();
    io::Stream stream = stream_of(script);
    std::vector<JoinHandle<void>> writers;
    std::string expected;
    for (int i = 0; i < 10; ++i) {
      const std::string text = "[" + std::to_string(i) + "]";
      expected += text;
      writers.push_back(spawn(write<How>, std::cref(stream), text));
    }
    co_await ticks(3);
    EXPECT_EQ(script.written, "");
    script.gate.set();
    for (auto& writer : writers) co_await writer;
    EXPECT_EQ(script.written, expected);
  });
}

// 226. test_async_writer_api_exception_after_close
COTERIE_CASE(StreamWrite, AfterTheCloseTheConnectionIsReset) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script);
    stream.close();
    EXPECT_TRUE(script.closed);
    EXPECT_EQ(co_await end_of(write<How>(stream, "x")), "the stream is closed: Connection reset by peer");
    EXPECT_EQ(co_await end_of(stream.read(1)), "the stream is closed: Connection reset by peer");
    EXPECT_EQ(co_await end_of(stream.shutdown_write()), "the stream is closed: Connection reset by peer");
  });
}

TEST(StreamWrite, OneThatWasCutOffRefusesThoseBehindIt) {
  run([]() -> Task<void> {
    Script script;
    io::Stream stream = stream_of(script);
    auto first = spawn(write<>, std::cref(stream), "abcdef");
    auto second = spawn(write<>, std::cref(stream), "ghi");
    while (script.written.size() < 3) co_await yield();
    first.cancel();
    EXPECT_EQ(co_await end_of(first), "cancelled");
    EXPECT_EQ(co_await end_of(second),
              "an earlier write was cut off in the middle: Connection reset by peer");
    EXPECT_EQ(script.written, "abc");
  });
}

TEST(StreamWrite, ShutdownComesAfterWhatIsBeingWritten) {
  run([]() -> Task<void> {
    Script script;
    io::Stream stream = stream_of(script);
    auto writer = spawn(write<>, std::cref(stream), "abc");
    co_await ticks(2);
    co_await stream.shutdown_write();
    EXPECT_TRUE(writer.done());
    EXPECT_TRUE(script.ended);
    EXPECT_EQ(script.written, "abc");
  });
}

TEST(Stream, MovedAndDestroyedItClosesOnce) {
  run([]() -> Task<void> {
    Script one;
    Script other;
    {
      io::Stream stream = stream_of(one);
      io::Stream moved = std::move(stream);
      EXPECT_FALSE(one.closed);
      moved = stream_of(other);
      EXPECT_TRUE(one.closed);
      EXPECT_EQ(moved.peer(), "the script");
    }
    EXPECT_TRUE(other.closed);
    co_return;
  });
}

}  // namespace
}  // namespace coterie::io_test
