// Channel: order and rendezvous.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"
#include "sync/channel_users.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

COTERIE_CASE(ChannelOrder, BoundedAndFirstInFirstOut) {
  run([]() -> Task<void> {
    Channel<int> channel(2);
    std::vector<JoinHandle<void>> senders;
    for (int i = 1; i <= 4; ++i) senders.push_back(spawn(send<How>, std::ref(channel), i));
    co_await ticks(2);
    EXPECT_EQ(channel.size(), 2U);
    EXPECT_EQ(channel.senders_waiting(), 2U);
    auto receiver = spawn(receive_all<How>, std::ref(channel));
    co_await ticks(6);
    channel.close();
    std::vector<int> items = co_await receiver;
    EXPECT_THAT(items, ElementsAre(1, 2, 3, 4));
  });
}

COTERIE_CASE(ChannelOrder, NothingWaitsWhileThereIsRoomOrAnItem) {
  run([]() -> Task<void> {
    Channel<int> channel(1);
    TickCounter counter;
    co_await send<How>(channel, 1);
    std::optional<int> item = co_await receive<How>(channel);
    EXPECT_EQ(item, 1);
    EXPECT_EQ(counter.count(), 0);
  });
}

COTERIE_CASE(ChannelOrder, ManySendersAndReceivers) {
  run([]() -> Task<void> {
    for (const std::size_t capacity : {0U, 1U, 7U}) {
      Channel<int> channel(capacity);
      int sum = 0;
      int count = 0;
      auto producer = [](Channel<int>& c) -> Co<void> {
        for (int i = 1; i <= 100; ++i) co_await c.send(i);
      };
      auto consumer = [](Channel<int>& c, int& total, int& items) -> Co<void> {
        while (std::optional<int> item = co_await c.receive()) {
          total += *item;
          ++items;
        }
      };
      co_await task_group([&](TaskGroup& outer) -> Task<void> {
        for (int i = 0; i < 3; ++i) outer.spawn(consumer, std::ref(channel), std::ref(sum), std::ref(count));
        co_await task_group([&](TaskGroup& inner) -> Task<void> {
          for (int i = 0; i < 4; ++i) inner.spawn(producer, std::ref(channel));
          co_return;
        });
        channel.close();
      });
      EXPECT_EQ(count, 400);
      EXPECT_EQ(sum, 4 * 5050);
      EXPECT_EQ(channel.size(), 0U);
    }
  });
}

COTERIE_CASE(ChannelRendezvous, SendEndsWhenAReceiverIsThere) {
  run([]() -> Task<void> {
    Channel<int> channel(0);
    auto sender = spawn(send<How>, std::ref(channel), 1);
    co_await ticks(3);
    EXPECT_FALSE(sender.done());
    EXPECT_EQ(channel.size(), 0U);
    int second = 2;
    EXPECT_FALSE(channel.try_send(second));
    std::optional<int> item = co_await receive<How>(channel);
    EXPECT_EQ(item, 1);
    co_await ticks(2);
    EXPECT_TRUE(sender.done());
    auto receiver = spawn(receive<How>, std::ref(channel));
    co_await ticks(2);
    EXPECT_TRUE(channel.try_send(second));
    item = co_await receiver;
    EXPECT_EQ(item, 2);
  });
}

// Two items, one receiver that has not run yet: a second one finds its item too.
COTERIE_CASE(ChannelOrder, ReceiverBehindAWokenOneGetsTheNextItem) {
  run([]() -> Task<void> {
    Channel<int> channel(2);
    auto first = spawn(receive<How>, std::ref(channel));
    co_await ticks(1);
    co_await channel.send(1);
    co_await channel.send(2);
    std::optional<int> second = co_await receive<How>(channel);
    EXPECT_EQ(second, 2);
    std::optional<int> item = co_await first;
    EXPECT_EQ(item, 1);
  });
}

}  // namespace
}  // namespace coterie
