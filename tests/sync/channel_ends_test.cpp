// Channel: the end of the stream, by close() or because one of its two ends goes.
#include <gmock/gmock.h>

#include <memory>

#include "support/both_ways.hpp"
#include "sync/channel_users.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

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

TEST(ChannelEnds, AnItemMayOwnTheLastSenderOfItsChannel) {
  run([]() -> Task<void> {
    using Item = std::shared_ptr<void>;
    auto ends = make_channel<Item>(4);
    std::optional<Sender<Item>> sender(std::move(ends.first));
    std::optional<Receiver<Item>> receiver(std::move(ends.second));
    Item item = std::make_shared<Sender<Item>>(*sender);
    const std::weak_ptr<void> sent = item;
    co_await sender->send(item);
    item.reset();
    sender.reset();
    EXPECT_FALSE(sent.expired());
    receiver.reset();  // drops the item, and with it the last end
    EXPECT_TRUE(sent.expired());
  });
}

}  // namespace
}  // namespace coterie
