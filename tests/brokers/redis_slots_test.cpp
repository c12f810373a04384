// Which slot a key has, and what nodes of a cluster say about slots.
#include "src/brokers/redis/slots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/brokers/redis/cluster_node.hpp"

namespace coterie::brokers::redis {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Address asked("10.0.0.9", 7009);

Reply node(const std::string& host, std::int64_t port) {
  return Reply::of_array({Reply::of_string(host), Reply::of_integer(port), Reply::of_string("id")});
}
Reply range(std::int64_t first, std::int64_t last, std::vector<Reply> nodes) {
  std::vector<Reply> items{Reply::of_integer(first), Reply::of_integer(last)};
  items.insert(items.end(), nodes.begin(), nodes.end());
  return Reply::of_array(std::move(items));
}
std::string refusal(const Reply& reply) {
  try {
    (void)SlotMap::read(reply, asked);
  } catch (const UnexpectedReply& error) {
    return error.what();
  }
  return "(read)";
}
Address master(const SlotMap& map, std::uint16_t slot) {
  const Address* const found = map.master_of(slot);
  return found == nullptr ? Address() : *found;
}

TEST(RedisSlots, OfAKeyAreThoseOfItsTag) {
  EXPECT_EQ(slot_of("123456789"), 0x31c3);  // the example of Redis' own specification
  EXPECT_EQ(slot_of("foo"), 12'182);
  EXPECT_EQ(slot_of("{coterie:0}m"), slot_of("coterie:0"));
  EXPECT_EQ(slot_of("{coterie:0}j{x}"), slot_of("coterie:0"));
  EXPECT_EQ(slot_of("a{foo}b"), slot_of("foo"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  // Without a tag the whole key counts.
  EXPECT_EQ(slot_of("foo{}{bar}"), 8363);
  EXPECT_NE(slot_of("{bar"), slot_of("bar"));
  EXPECT_EQ(slot_of(""), 0);
}

TEST(RedisSlots, AMapTellsMastersAndReplicas) {
  const SlotMap map =
      SlotMap::read(Reply::of_array({range(0, 99, {node("10.0.0.1", 7001), node("10.0.0.4", 7004)}),
                                     range(101, 16'383, {node("10.0.0.2", 7002)}),
                                     range(100, 100, {node("10.0.0.1", 7001)})}),
                    asked);
  EXPECT_EQ(master(map, 0).text(), "10.0.0.1:7001");
  EXPECT_EQ(master(map, 100).text(), "10.0.0.1:7001");
  EXPECT_EQ(master(map, 101).text(), "10.0.0.2:7002");
  EXPECT_EQ(master(map, 16'383).text(), "10.0.0.2:7002");
  EXPECT_THAT(map.masters(), ElementsAre(Address("10.0.0.1", 7001), Address("10.0.0.2", 7002)));
  EXPECT_THAT(map.replicas(), ElementsAre(Address("10.0.0.4", 7004)));
  EXPECT_EQ(map.covered(), slot_count);
}

TEST(RedisSlots, ASlotThatNobodyHasIsSeen) {
  const SlotMap map = SlotMap::read(Reply::of_array({range(5, 6, {node("10.0.0.1", 7001)})}), asked);
  EXPECT_EQ(map.master_of(4), nullptr);
  EXPECT_EQ(map.covered(), 2U);
  EXPECT_EQ(SlotMap().covered(), 0U);
}

TEST(RedisSlots, ASlotThatMovedChangesItsMaster) {
  SlotMap map = SlotMap::read(Reply::of_array({range(5, 6, {node("10.0.0.1", 7001)})}), asked);
  map.set(5, Address("10.0.0.2", 7002));
  EXPECT_EQ(master(map, 5).port, 7002);
  EXPECT_EQ(master(map, 6).port, 7001);
  EXPECT_TRUE(map.is_master(Address("10.0.0.1", 7001)));
  map.set(6, Address("10.0.0.2", 7002));
  EXPECT_FALSE(map.is_master(Address("10.0.0.1", 7001)));
  EXPECT_FALSE(map.is_master(Address("10.0.0.3", 7001)));
  EXPECT_THAT(map.masters(), ElementsAre(Address("10.0.0.2", 7002)));
}

TEST(RedisSlots, ANodeThatDoesNotKnowItsNameIsWhereItWasAsked) {
  const std::vector<Reply> nameless{Reply(), Reply::of_string(""), Reply::of_string("?")};
  for (const Reply& host : nameless) {
    const Reply named = Reply::of_array({host, Reply::of_integer(7001)});
    const SlotMap map = SlotMap::read(Reply::of_array({range(0, 0, {named})}), asked);
    EXPECT_EQ(master(map, 0).text(), "10.0.0.9:7001");
  }
}

TEST(RedisSlots, WhatIsNoMapIsRefused) {
  EXPECT_THAT(refusal(Reply::of_string("?")), HasSubstr("an array"));
  EXPECT_THAT(refusal(Reply::of_array({Reply::of_integer(1)})), HasSubstr("an array"));
  EXPECT_THAT(refusal(Reply::of_array({range(0, 16'384, {node("h", 1)})})), HasSubstr("no slot 16384"));
  EXPECT_THAT(refusal(Reply::of_array({range(-1, 0, {node("h", 1)})})), HasSubstr("no slot -1"));
  EXPECT_THAT(refusal(Reply::of_array({range(3, 2, {node("h", 1)})})),
              HasSubstr("the slots 3 to 2 are none"));
  EXPECT_THAT(refusal(Reply::of_array({range(0, 1, {})})), HasSubstr("an item 2"));
  EXPECT_THAT(refusal(Reply::of_array({range(0, 1, {node("h", 0)})})), HasSubstr("0 is no port"));
  EXPECT_THAT(refusal(Reply::of_array({range(0, 1, {node("a b", 1)})})), HasSubstr("'a b' is no name"));
  std::vector<Reply> many;
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(nodes_most); ++i) many.push_back(node("h", 1 + i));
  EXPECT_THAT(refusal(Reply::of_array({range(0, 1, many)})), HasSubstr("more than"));
}

TEST(RedisSlots, RedirectionsAreRead) {
  const auto moved = redirection_of(Reply::of_error("MOVED 3999 127.0.0.1:6381"), asked);
  ASSERT_TRUE(moved);
  EXPECT_TRUE(moved->for_good);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->to.text(), "127.0.0.1:6381");
  const auto ask = redirection_of(Reply::of_error("ASK 0 ::1:6381"), asked);
  ASSERT_TRUE(ask);
  EXPECT_FALSE(ask->for_good);
  EXPECT_EQ(ask->to.text(), "[::1]:6381");
  EXPECT_EQ(redirection_of(Reply::of_error("MOVED 1 :6381"), asked)->to.text(), "10.0.0.9:6381");
  EXPECT_EQ(redirection_of(Reply::of_error("MOVED 1 ?:6381"), asked)->to.text(), "10.0.0.9:6381");
  for (const char* none : {"ERR no", "MOVED", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h", "MOVED 1 h:0",
                           "MOVED 1", "MOVED 1 a b:1", "MOVED -1 h:1"})
    EXPECT_FALSE(redirection_of(Reply::of_error(none), asked)) << none;
  EXPECT_FALSE(redirection_of(Reply::of_status("MOVED 1 h:1"), asked));
}

TEST(RedisSlots, WhatIsArrivingOrLeavingIsRead) {
  const std::string nodes =
      "c4d4 127.0.0.1:1@2 master - 0 1 2 connected 8192-16383\n"
      "95eb 127.0.0.1:3@4 myself,master - 0 0 1 connected 0-8191 [7734->-c4d4] [12-<-c4d4] [16383-<-c4d4]\n";
  EXPECT_THAT(read_open(nodes, "-<-"), ElementsAre(12, 16'383));
  EXPECT_THAT(read_open(nodes, "->-"), ElementsAre(7734));
  EXPECT_TRUE(read_open("", "-<-").empty());
  EXPECT_TRUE(read_open(" [", "-<-").empty());
  EXPECT_TRUE(read_open(" [16384-<-a] [x-<-a] [-1-<-a] [1] [1-<", "-<-").empty());
}

}  // namespace
}  // namespace coterie::brokers::redis
