// What the layout keeps free for lanes, limits and uniqueness: a shard that has it already, by a later
// version that works beside this one, is neither broken nor robbed of it.
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

class RedisReservedTest : public RedisBrokerTest {
 protected:
  std::int64_t eval(const std::string& lua) {
    coterie::brokers::redis::Command command("EVAL");
    command.arg("local p = '{coterie:0}' " + lua).arg(0);
    return broker_suite::administer(server_.url(), std::move(command)).integer();
  }
  /// A job of that version stands in a lane of the same queue and handler, in front of all others; another is
  /// throttled; a third has a limited key, and a unique one.
  void add_reserved() {
    damages_keys_ = true;
    eval(
        "redis.call('ZADD', p .. 'r1.1.lane.key', 5, string.rep('a', 16)) "
        "redis.call('ZADD', p .. 'f1', 5, '1.1.lane.key') redis.call('ZADD', p .. 't', 9, '1.1.lane.other') "
        "redis.call('ZADD', p .. 'Lkey', 9, string.rep('b', 16)) "
        "redis.call('SET', p .. 'Ikey', string.rep('c', 16)) return 1");
  }
  std::int64_t reserved_left() {
    return eval(
        "return redis.call('EXISTS', p .. 'r1.1.lane.key', p .. 't', p .. 'Lkey', p .. 'Ikey') + "
        "redis.call('ZSCORE', p .. 'f1', '1.1.lane.key')");
  }
  CycleRequest next(TestWorker& worker, std::uint32_t want) {
    CycleRequest request = worker.next(want);
    request.names = {"noop"};
    return request;
  }
};

TEST_F(RedisReservedTest, AnEnqueueATakeAnEndAndForgettingLeaveItAlone) {
  const auto broker = open();
  JobSpec spec = BrokerSuite::job("noop");
  spec.result_ttl = 1min;
  enqueue(*broker, {spec, BrokerSuite::job("noop")});
  add_reserved();
  TestWorker worker;
  const CycleReply reply = await(broker->cycle(next(worker, 2)));
  ASSERT_EQ(reply.leases.size(), 2U) << "the others are not behind one that nobody here knows";
  CycleRequest end = next(worker, 0);
  for (const Lease& lease : reply.leases) end.done.emplace_back(lease.ref, "1");
  EXPECT_EQ(await(broker->cycle(std::move(end))).done, std::vector<Verdict>(2, Verdict::accepted));
  clock_.advance(2min);
  (void)await(broker->cycle(next(worker, 1)));
  EXPECT_FALSE(await(broker->get({spec.id}, false))[0].has_value()) << "forgotten";
  EXPECT_EQ(reserved_left(), 4 + 5);
}

TEST_F(RedisReservedTest, AQueueThatHasLanesIsPausedAndResumed) {
  const auto broker = open();
  enqueue(*broker, {BrokerSuite::job("noop")});
  add_reserved();
  await(broker->pause("default"));
  await(broker->resume("default"));
  TestWorker worker;
  EXPECT_EQ(await(broker->cycle(next(worker, 5))).leases.size(), 1U);
  EXPECT_EQ(reserved_left(), 4 + 5);
}

TEST_F(RedisReservedTest, FlagsAndFieldsOfAJobThatHaveNoMeaningYetAreKept) {
  const auto broker = open();
  const JobSpec spec = BrokerSuite::job("noop");
  enqueue(*broker, {spec});
  // 0xF000 of its flags, at the third byte of its record; the lowest are in front.
  eval("redis.call('SETRANGE', redis.call('KEYS', p .. 'j*')[1], 3, string.char(240)) return 1");
  TestWorker worker;
  const CycleReply reply = await(broker->cycle(next(worker, 1)));
  ASSERT_EQ(reply.leases.size(), 1U);
  CycleRequest end = next(worker, 0);
  end.done.emplace_back(reply.leases[0].ref, "1");
  EXPECT_EQ(await(broker->cycle(std::move(end))).done, std::vector<Verdict>{Verdict::accepted});
  const std::int64_t high =
      eval("return string.byte(redis.call('GET', redis.call('KEYS', p .. 'j*')[1]), 4)");
  EXPECT_EQ(high & 240, 240);
}

}  // namespace
}  // namespace broker_suite
