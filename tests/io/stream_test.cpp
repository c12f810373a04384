// Stream's reader. Line numbers and names are those of the list of asyncio's behaviours (CPython 3.14.7's
// test_streams).
#include "coterie/io/stream.hpp"

#include <gtest/gtest.h>

#include "io/script_transport.hpp"
#include "support/both_ways.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;

// 216. StreamTests.test_readline_limit
COTERIE_CASE(StreamReadLine, LineOverTheLimitIsDroppedAndTheNextIsIntact) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script, 7);
    feed(script, "1234567\n");
    EXPECT_EQ(co_await stream.read_line(), "1234567\n");  // the newline does not count
    feed(script, "12345678\nnext\n");
    EXPECT_EQ(co_await end_of(stream.read_line()), "a separator was found, but behind more than 7 bytes");
    EXPECT_EQ(co_await stream.read_line(), "next\n");
    feed(script, "123456789");
    EXPECT_EQ(co_await end_of(stream.read_line()), "no separator within 7 bytes");
    feed(script, "all of it is gone\n");
    EXPECT_EQ(co_await end_of(stream.read_line()), "a separator was found, but behind more than 7 bytes");
    feed(script, "");
    EXPECT_EQ(co_await stream.read_line(), "");
    EXPECT_TRUE(stream.at_end());
  });
}

// 217. StreamTests.test_readline_limit_with_existing_data
COTERIE_CASE(StreamReadLine, ErrorKeepsWhatCameBehindTheLongLine) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script, 3);
    feed(script, "li");
    feed(script, "ne1\nli");
    EXPECT_EQ(co_await end_of(stream.read_line()), "a separator was found, but behind more than 3 bytes");
    feed(script, "x\n");
    EXPECT_EQ(co_await stream.read_line(), "lix\n");
  });
}

// 218. StreamTests.test_readuntil_multi_chunks_1
COTERIE_CASE(StreamReadUntil, SeparatorThatComesInPiecesIsFound) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script);
    for (const char* chunk : {"QWERTY", "a", "a"}) feed(script, chunk);
    EXPECT_EQ(co_await stream.read_until("aa"), "QWERTYaa");
    for (const char* chunk : {"QWE", "aaa", "a", "a"}) feed(script, chunk);
    EXPECT_EQ(co_await stream.read_until("aaa"), "QWEaaa");
    EXPECT_EQ(co_await stream.read(1), "a");
    EXPECT_EQ(co_await stream.read(1), "a");
    for (const char* chunk : {"aba", "bab", "c"}) feed(script, chunk);
    EXPECT_EQ(co_await stream.read_until("babc"), "ababab" + std::string("c"));
  });
}

// 219. StreamTests.test_readuntil_eof
TEST(StreamReadUntil, EndGivesWhatWasLeft) {
  run([]() -> Task<void> {
    Script script;
    io::Stream stream = stream_of(script);
    feed(script, "some data");
    feed(script, "");
    Task<std::string> read = stream.read_until("A");
    Outcome<std::string> end = co_await outcome(std::move(read));
    try {
      (void)end.get();
      ADD_FAILURE() << "no error";
    } catch (const io::IncompleteRead& error) {
      EXPECT_EQ(error.partial(), "some data");
      EXPECT_EQ(error.expected(), std::nullopt);
    }
    EXPECT_TRUE(stream.at_end());
  });
}

// 220. StreamTests.test_readuntil_limit_found_sep
COTERIE_CASE(StreamReadUntil, OverTheLimitTheBufferIsUntouched) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script, 3);
    feed(script, "some dataAA");
    EXPECT_EQ(co_await end_of(stream.read_until("AAA")), "no separator within 3 bytes");
    feed(script, "A");
    EXPECT_EQ(co_await stream.read(4), "some");
    EXPECT_EQ(co_await end_of(stream.read_until("AAA")), "no separator within 3 bytes");
    EXPECT_EQ(co_await stream.read(100), " dataAA");
  });
}

// 221. StreamTests.test_readuntil_multi_separator
COTERIE_CASE(StreamReadUntil, OfSeveralSeparatorsTheOneThatEndsFirstCounts) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script);
    feed(script, "ABCDEFG");
    std::vector<std::string> separators{"DEF", "BCDE"};
    EXPECT_EQ(co_await stream.read_until(separators), "ABCDE");
    EXPECT_EQ(co_await stream.read(100), "FG");
    std::vector<std::string> none;
    EXPECT_EQ(co_await end_of(stream.read_until(none)), "a separator has one byte at least");
    EXPECT_EQ(co_await end_of(stream.read_until("")), "a separator has one byte at least");
  });
}

// 222. StreamTests.test_readexactly, _limit, _eof, _zero_or_less
COTERIE_CASE(StreamReadExactly, SpansChunksAndIgnoresTheLimit) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script, 3);
    EXPECT_EQ(co_await stream.read_exactly(0), "");
    for (int i = 0; i < 3; ++i) feed(script, "123456789");
    EXPECT_EQ(co_await stream.read_exactly(20), "12345678912345678912");
    EXPECT_EQ(co_await stream.read_exactly(7), "3456789");
    for (int i = 0; i < 2; ++i) feed(script, "123456789");
    feed(script, "");
    EXPECT_EQ(co_await end_of(stream.read_exactly(36)), "18 bytes read on a total of 36 expected bytes");
    EXPECT_TRUE(stream.at_end());
  });
}

// 223. StreamTests.test_read_until_eof, test_read_zero, test_read_limit
COTERIE_CASE(StreamRead, ToTheEndNothingAndMoreThanTheLimit) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script, 3);
    feed(script, "chunk");
    EXPECT_EQ(co_await stream.read(0), "");
    EXPECT_EQ(co_await stream.read(1024), "chunk");
    feed(script, "chunk1\n");
    feed(script, "chunk2");
    feed(script, "");
    EXPECT_EQ(co_await stream.read_to_end(), "chunk1\nchunk2");
    EXPECT_EQ(co_await stream.read(1), "");
  });
}
TEST(StreamRead, ToTheEndHasALimitOfItsOwn) {
  run([]() -> Task<void> {
    Script script;
    io::Stream stream = stream_of(script);
    feed(script, "123456");
    EXPECT_EQ(co_await end_of(stream.read_to_end(5)), "more than 5 bytes came from the script");
    EXPECT_EQ(co_await stream.read(100), "123456");
  });
}

// 224. StreamTests.test_exception, test_exception_waiter, test_exception_cancel
COTERIE_CASE(StreamRead, ErrorOfTheConnectionReachesWhoReadsAndNobodyWhoWasCancelled) {
  run([]() -> Co<> {
    Script script;
    io::Stream stream = stream_of(script);
    auto read = [](const io::Stream& from) -> Co<std::string> { co_return co_await from.read_line(); };
    auto reader = spawn(read, std::cref(stream));
    co_await ticks(2);
    reader.cancel();
    EXPECT_EQ(co_await end_of(reader), "cancelled");
    script.error = error("broken");
    feed(script, "x");
    EXPECT_EQ(co_await end_of(stream.read_line()), "broken");
  });
}

TEST(StreamRead, CancelLeavesWhatHadComeInTheBuffer) {
  run([]() -> Task<void> {
    Script script;
    io::Stream stream = stream_of(script);
    auto read = [](const io::Stream& from) -> Task<std::string> { co_return co_await from.read_exactly(6); };
    auto reader = spawn(read, std::cref(stream));
    feed(script, "abc");
    co_await ticks(5);
    EXPECT_EQ(co_await end_of(stream.read(1)), "value");  // what is there needs no turn
    EXPECT_EQ(co_await end_of(stream.read_exactly(6)), "this stream is being read by another task already");
    reader.cancel();
    EXPECT_EQ(co_await end_of(reader), "cancelled");
    feed(script, "def");
    EXPECT_EQ(co_await stream.read_exactly(5), "bcdef");
  });
}

}  // namespace
}  // namespace coterie::io_test
