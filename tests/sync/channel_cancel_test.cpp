// Channel: a send or a receive that is cancelled.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"
#include "sync/channel_users.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

COTERIE_CASE(ChannelCancel, CancelledSendHasNotSent) {
  run([]() -> Task<void> {
    for (const bool woken : {false, true}) {
      Channel<int> channel(1);
      co_await channel.send(1);
      auto first = spawn(send<How>, std::ref(channel), 2);
      auto second = spawn(send<How>, std::ref(channel), 3);
      co_await ticks(1);
      if (woken) {
        EXPECT_EQ(channel.try_receive(), 1);
      }
      first.cancel();
      (void)co_await outcome(first);
      EXPECT_TRUE(first.cancelled());
      if (!woken) {
        EXPECT_EQ(channel.try_receive(), 1);
      }
      co_await second;
      channel.close();
      std::vector<int> items = co_await receive_all<How>(channel);
      EXPECT_THAT(items, ElementsAre(3));
    }
  });
}

COTERIE_CASE(ChannelCancel, ItemOfACancelledReceiverGoesToTheNext) {
  run([]() -> Task<void> {
    for (const std::size_t capacity : {0U, 1U}) {
      Channel<int> channel(capacity);
      auto first = spawn(receive<How>, std::ref(channel));
      auto second = spawn(receive<How>, std::ref(channel));
      co_await ticks(1);
      co_await channel.send(1);
      first.cancel();  // it was woken for the item
      std::optional<int> item = co_await second;
      EXPECT_EQ(item, 1);
      EXPECT_TRUE(first.cancelled());
      EXPECT_EQ(channel.receivers_waiting(), 0U);
    }
  });
}

COTERIE_CASE(ChannelCancel, ItemOfTheLastReceiverWaitsForAnother) {
  run([]() -> Task<void> {
    Channel<int> channel(0);
    auto receiver = spawn(receive<How>, std::ref(channel));
    co_await ticks(1);
    co_await channel.send(1);
    receiver.cancel();
    (void)co_await outcome(receiver);
    EXPECT_TRUE(receiver.cancelled());
    EXPECT_EQ(channel.size(), 1U);
    std::optional<int> item = co_await receive<How>(channel);
    EXPECT_EQ(item, 1);
  });
}

// A sender that was woken for a receiver which has gone keeps its place in the line.
COTERIE_CASE(ChannelCancel, SenderWhoseReceiverHasGoneStaysFirst) {
  run([]() -> Task<void> {
    Channel<int> channel(0);
    auto first = spawn(send<How>, std::ref(channel), 1);
    auto second = spawn(send<How>, std::ref(channel), 2);
    co_await ticks(2);
    auto receiver = spawn(receive<How>, std::ref(channel));
    EventLoop::current().call_soon([&] { receiver.cancel(); });
    co_await ticks(3);
    EXPECT_TRUE(receiver.cancelled());
    EXPECT_FALSE(first.done());
    EXPECT_EQ(channel.senders_waiting(), 2U);
    auto receiver_of_all = spawn(receive_all<How>, std::ref(channel));
    co_await second;
    channel.close();
    std::vector<int> items = co_await receiver_of_all;
    EXPECT_THAT(items, ElementsAre(1, 2));
  });
}

}  // namespace
}  // namespace coterie
