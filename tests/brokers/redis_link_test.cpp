// A link to a server that is a script, in virtual time: order, cancels, losses.
#include "src/brokers/redis/link.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "coterie/testing/gtest.hpp"
#include "support/runtime.hpp"

namespace coterie::brokers::redis {
namespace {
using namespace coterie::test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The server's end. An empty chunk is its end.
struct Wire {
  Queue<std::string> chunks;
  std::vector<std::string> writes;  // one item for each write
  std::exception_ptr broken;        // what a write throws
  bool closed = false;
};

class WireTransport final : public io::Transport {
 public:
  explicit WireTransport(Wire& wire) : wire_(wire) {}
  Task<std::size_t> read_some(std::span<std::byte> buffer) override {
    if (wire_.closed) throw std::system_error(ECONNABORTED, std::generic_category());
    if (rest_.empty()) rest_ = co_await wire_.chunks.get();
    const std::size_t bytes = std::min(buffer.size(), rest_.size());
    std::memcpy(buffer.data(), rest_.data(), bytes);
    rest_.erase(0, bytes);
    co_return bytes;
  }
  Task<void> write_all(std::span<const std::byte> data) override {
    if (wire_.broken) std::rethrow_exception(wire_.broken);
    wire_.writes.emplace_back(reinterpret_cast<const char*>(data.data()), data.size());
    co_return;
  }
  Task<void> shutdown_write() override { co_return; }
  void close() noexcept override {
    wire_.closed = true;
    wire_.chunks.put_nowait("");
  }
  [[nodiscard]] std::string peer() const override { return "the wire"; }

 private:
  Wire& wire_;
  std::string rest_;
};

Settings test_settings() {
  Settings settings;
  settings.host = "test";
  settings.command_timeout = 10s;
  return settings;
}

/// A link that is closed and joined when the body is over.
template <class Body>
void with_link(Body body) {
  run([&]() -> Task<void> {
    Wire wire;
    const std::shared_ptr<Link> link =
        Link::start(io::Stream(std::make_unique<WireTransport>(wire)), test_settings());
    const Outcome<void> end = co_await outcome(body(*link, wire));
    link->close("the test is over");
    co_await link->join();
    EXPECT_TRUE(wire.closed);
    end.get();
  });
}

Task<std::string> ask(Link& link, std::string what) {
  const Reply reply = co_await link.call(Command("ECHO").arg(what));
  co_return reply.describe();
}
JoinHandle<std::string> start_asking(Link& link, const std::string& what) {
  return spawn(ask, std::ref(link), what);
}
std::string echo(const std::string& what) {
  return "*2\r\n$4\r\nECHO\r\n$" + std::to_string(what.size()) + "\r\n" + what + "\r\n";
}
std::string bulk(const std::string& what) {
  return "$" + std::to_string(what.size()) + "\r\n" + what + "\r\n";
}

TEST(RedisLink, WhatIsAskedInOneTickIsWrittenAtOnce) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    std::vector<JoinHandle<std::string>> asked;
    std::string expected;
    for (int i = 0; i < 50; ++i) {
      asked.push_back(start_asking(link, std::to_string(i)));
      expected += echo(std::to_string(i));
    }
    co_await ticks(4);
    EXPECT_THAT(wire.writes, ElementsAre(expected));
    std::string replies;
    for (int i = 0; i < 50; ++i) replies += bulk(std::to_string(i));
    wire.chunks.put_nowait(replies);
    for (int i = 0; i < 50; ++i) {
      const std::string reply = co_await std::move(asked[static_cast<std::size_t>(i)]);
      EXPECT_EQ(reply, "the string '" + std::to_string(i) + "'");
    }
  });
}

TEST(RedisLink, AnErrorIsTheReplyOfItsCommandAlone) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    const auto first = start_asking(link, "1");
    const auto second = start_asking(link, "2");
    co_await ticks(3);
    wire.chunks.put_nowait("-WRONGTYPE of a key\r\n:2\r\n");
    EXPECT_EQ(co_await first, "the error 'WRONGTYPE of a key'");
    EXPECT_EQ(co_await second, "the integer 2");
  });
}

TEST(RedisLink, ACancelledCallLeavesTheOthersTheirReplies) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    std::vector<Command> two;
    two.emplace_back("FIRST");
    two.emplace_back("SECOND");
    const auto before = start_asking(link, "before");
    const auto gone = start_asking(link, "gone");
    const auto both_gone = spawn(
        [](Link& of, std::vector<Command> commands) -> Task<void> { (void)co_await of.call_all(commands); },
        std::ref(link), two);
    const auto after = start_asking(link, "after");
    co_await ticks(3);
    gone.cancel();
    both_gone.cancel();
    co_await gone.wait();
    co_await both_gone.wait();
    EXPECT_TRUE(gone.cancelled());
    EXPECT_TRUE(both_gone.cancelled());
    EXPECT_FALSE(before.done());
    wire.chunks.put_nowait(":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n");
    EXPECT_EQ(co_await before, "the integer 1");
    EXPECT_EQ(co_await after, "the integer 5");
    EXPECT_TRUE(link.alive());
  });
}

TEST(RedisLink, ABatchIsAnsweredInItsOrderWhereverItsRepliesAreCut) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    std::vector<Command> commands;
    for (int i = 0; i < 3; ++i) commands.push_back(Command("GET").arg(i));
    auto asked = spawn(
        [](Link& of, std::vector<Command> all) -> Task<std::vector<Reply>> {
          co_return co_await of.call_all(all);
        },
        std::ref(link), commands);
    co_await ticks(3);
    EXPECT_EQ(wire.writes.size(), 1U);
    const std::string replies = "*2\r\n$1\r\na\r\n*1\r\n:7\r\n$-1\r\n+OK\r\n";
    for (const char byte : replies) wire.chunks.put_nowait(std::string(1, byte));
    const std::vector<Reply> got = co_await std::move(asked);
    COTERIE_ASSERT(EXPECT_EQ(got.size(), 3U));
    EXPECT_EQ(got[0].at(0).string(), "a");
    EXPECT_EQ(got[0].at(1).at(0).integer(), 7);
    EXPECT_TRUE(got[1].is_nil());
    EXPECT_EQ(got[2].string(), "OK");
    const std::vector<Command> nothing;
    const std::vector<Reply> none = co_await link.call_all(nothing);
    EXPECT_TRUE(none.empty());
  });
}

TEST(RedisLink, LossEndsWhatWaitsAndRefusesWhatComes) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    const auto first = start_asking(link, "1");
    const auto second = start_asking(link, "2");
    co_await ticks(3);
    wire.chunks.put_nowait(":1\r\n");
    wire.chunks.put_nowait("");
    EXPECT_EQ(co_await first, "the integer 1");
    co_await second.wait();
    EXPECT_EQ(text(second.exception()),
              "redis://test:6379: the server closed the connection; whether the command was applied is open");
    EXPECT_THROW(std::rethrow_exception(second.exception()), queue::BrokerUnavailable);
    const std::string later = co_await end_of(link.call(Command("PING")));
    EXPECT_EQ(later, "redis://test:6379: the server closed the connection");
  });
}

TEST(RedisLink, SilenceEndsItWhenTheOldestCallHasWaitedTooLong) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    const auto first = start_asking(link, "1");
    co_await sleep(6s);
    const auto second = start_asking(link, "2");
    co_await sleep(3s);
    wire.chunks.put_nowait(":1\r\n");
    EXPECT_EQ(co_await first, "the integer 1");
    const double asked = 6;
    co_await second.wait();
    EXPECT_EQ(seconds(), asked + 10);
    EXPECT_THAT(text(second.exception()), HasSubstr("no reply within 10 s: the server hangs"));
    EXPECT_FALSE(link.alive());
  });
}

TEST(RedisLink, AnIdleLinkLivesOn) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    const auto first = start_asking(link, "1");
    co_await ticks(3);
    wire.chunks.put_nowait(":1\r\n");
    EXPECT_EQ(co_await first, "the integer 1");
    co_await sleep(1h);
    EXPECT_TRUE(link.alive());
  });
}

TEST(RedisLink, WhatIsNoReplyIsShown) {
  const std::map<std::string, std::string> cases{
      {"HTTP/1.1 400 Bad Request\r\n\r\n",
       "it began with 'HTTP/1.1 400 Bad Request'): is another service at this address?"},
      {std::string("\x15\x03\x01\x00\x02", 5), "it began with '.....'"},
      {"*99999999\r\n", "an array of 99999999 items, more than the limit"},
      {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "deeper"},
      {"", "the server closed the connection without a word: is it Redis, does it want TLS (rediss://)?"},
  };
  for (const auto& [bytes, why] : cases) {
    with_link([&](Link& link, Wire& wire) -> Task<void> {
      const auto asked = start_asking(link, "1");
      co_await ticks(3);
      wire.chunks.put_nowait(bytes);
      co_await asked.wait();
      EXPECT_THAT(text(asked.exception()), HasSubstr(why));
    });
  }
}

TEST(RedisLink, AReplyThatNobodyAskedForEndsIt) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    wire.chunks.put_nowait("+surprise\r\n");
    co_await link.ended();
    EXPECT_EQ(link.reason(),
              "redis://test:6379: the server sent what nobody had asked for: the status 'surprise'");
  });
}

TEST(RedisLink, AFailedWriteLeavesTheServersLastWordToBeRead) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    wire.broken = std::make_exception_ptr(std::system_error(EPIPE, std::generic_category()));
    const auto asked = start_asking(link, "1");
    co_await ticks(5);
    EXPECT_FALSE(asked.done());
    wire.chunks.put_nowait("-DENIED go away\r\n");
    wire.chunks.put_nowait("");
    EXPECT_EQ(co_await asked, "the error 'DENIED go away'");
    co_await link.ended();
  });
}

TEST(RedisLink, AListenerHearsWhatComesAndMayCloseIt) {
  with_link([](Link& link, Wire& wire) -> Task<void> {
    std::vector<std::string> heard;
    link.listen([&](const Reply& reply) {
      heard.push_back(reply.describe());
      if (reply.is_nil()) link.close("enough");
    });
    link.post(Command("SUBSCRIBE").arg("c"));
    co_await ticks(3);
    wire.chunks.put_nowait(":1\r\n:2\r\n$-1\r\n:3\r\n");
    co_await link.ended();
    EXPECT_THAT(heard, ElementsAre("the integer 1", "the integer 2", "nil"));
    EXPECT_THAT(wire.writes, ElementsAre("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n"));
  });
}

TEST(RedisLink, ALoopThatEndsByForceLeavesNothing) {
  Wire wire;
  std::shared_ptr<Link> link;
  {
    coterie::testing::VirtualLoop loop;
    loop.run([](Wire& of, std::shared_ptr<Link>& made) -> Task<void> {
      made = Link::start(io::Stream(std::make_unique<WireTransport>(of)), test_settings());
      (void)spawn(ask, std::ref(*made), "1");
      co_await ticks(3);
    }(wire, link));
  }
  link->close("late");
}

}  // namespace
}  // namespace coterie::brokers::redis
