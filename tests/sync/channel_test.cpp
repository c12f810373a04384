// Channel: order, rendezvous, the end of the stream, cancels, and its two ends.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

template <class How>
Task<void, How> send(Channel<int>& channel, int item) {
  co_await channel.send(item);
}
template <class How>
Task<std::optional<int>, How> receive(Channel<int>& channel) {
  co_return co_await channel.receive();
}
template <class How>
Task<std::vector<int>, How> receive_all(Channel<int>& channel) {
  std::vector<int> items;
  while (std::optional<int> item = co_await channel.receive()) items.push_back(*item);
  co_return items;
}

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

COTERIE_CASE(ChannelClose, ReceiversDrainAndThenGetNothing) {
  run([]() -> Task<void> {
    Channel<int> channel(4);
    co_await channel.send(1);
    co_await channel.send(2);
    channel.close();
    std::vector<int> items = co_await receive_all<How>(channel);
    EXPECT_THAT(items, ElementsAre(1, 2));
    std::optional<int> end = co_await receive<How>(channel);
    EXPECT_EQ(end, std::nullopt);
    EXPECT_EQ(channel.try_receive(), std::nullopt);
  });
}

COTERIE_CASE(ChannelClose, WakesBothSides) {
  run([]() -> Task<void> {
    Channel<int> full(1);
    co_await full.send(1);
    auto sender = spawn(send<How>, std::ref(full), 2);
    Channel<int> empty(1);
    auto receiver = spawn(receive<How>, std::ref(empty));
    co_await ticks(2);
    full.close();
    empty.close();
    Outcome<void> refused = co_await outcome(sender);
    EXPECT_THROW(refused.get(), ChannelClosed);
    std::optional<int> end = co_await receiver;
    EXPECT_EQ(end, std::nullopt);
    EXPECT_EQ(full.size(), 1U);
    int item = 3;
    EXPECT_THROW(full.try_send(item), ChannelClosed);
    refused = co_await outcome(send<How>(full, 3));
    EXPECT_THROW(refused.get(), ChannelClosed);
  });
}

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

TEST(ChannelEnds, LastSenderThatGoesEndsTheStream) {
  run([]() -> Task<void> {
    auto ends = make_channel<int>(8);
    Receiver<int> receiver = std::move(ends.second);
    {
      Sender<int> sender = std::move(ends.first);
      auto produce = [](Sender<int> out, int first) -> Task<void> {
        for (int i = first; i < first + 3; ++i) co_await out.send(i);
      };
      spawn(produce, sender, 1);
      spawn(produce, sender, 4);
    }
    std::vector<int> items;
    while (std::optional<int> item = co_await receiver.receive()) items.push_back(*item);
    EXPECT_THAT(items, ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_TRUE(receiver.closed());
  });
}

TEST(ChannelEnds, LastReceiverThatGoesDropsWhatIsLeftAndRefusesSenders) {
  run([]() -> Task<void> {
    int alive = 0;
    auto ends = make_channel<Probe>(1);
    Sender<Probe> sender = std::move(ends.first);
    co_await sender.send(Probe(alive));
    auto blocked = [](Sender<Probe> out, int& count) -> Task<void> { co_await out.send(Probe(count)); };
    auto task = spawn(blocked, sender, std::ref(alive));
    co_await ticks(2);
    EXPECT_EQ(alive, 2);
    {
      Receiver<Probe> gone = std::move(ends.second);
    }
    EXPECT_EQ(alive, 1);
    Outcome<void> end = co_await outcome(task);
    EXPECT_THROW(end.get(), ChannelClosed);
    EXPECT_EQ(alive, 0);
  });
}

TEST(ChannelEnds, OperationKeepsTheChannelWhenItsHandleGoes) {
  run([]() -> Task<void> {
    auto ends = make_channel<std::string>(0);
    Task<std::optional<std::string>> receiving = ends.second.receive();
    Task<void> sending = ends.first.send("longer than the small string is, by a few");
    {
      auto both = std::move(ends);
    }
    auto [item, sent] = co_await gather_outcomes(std::move(receiving), std::move(sending));
    EXPECT_EQ(item.get(), "longer than the small string is, by a few");
    EXPECT_TRUE(sent.has_value());
  });
}

TEST(ChannelEnds, MovedFromHandleIsAnError) {
  run([]() -> Task<void> {
    auto ends = make_channel<int>(1);
    Sender<int> sender = std::move(ends.first);
    EXPECT_THROW((void)ends.first.closed(), InvalidState);  // NOLINT(bugprone-use-after-move)
    Outcome<void> end = co_await outcome(ends.first.send(1));
    EXPECT_THROW(end.get(), InvalidState);
    sender.close();
    EXPECT_TRUE(ends.second.closed());
  });
}

}  // namespace
}  // namespace coterie
