// A server that was set back to an older copy: what was confirmed since is undone, and nobody is told
// otherwise.
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

class RedisRollback : public RedisBrokerTest {
 protected:
  /// A job in the copy that the server will be set back to.
  JobSpec enqueue_and_copy(Broker& broker) {
    JobSpec spec = BrokerSuite::job();
    enqueue(broker, {spec});
    administer("SAVE");
    return spec;
  }
  /// It saves nothing by itself: what it comes back with is the copy.
  void roll_back() { server_.restart(); }
};

TEST_F(RedisRollback, AStaleWorkerWithTheSameTokenIsFencedAfterAnotherEndedTheJob) {
  const auto broker = open();
  const JobSpec spec = enqueue_and_copy(*broker);
  TestWorker stale;
  const Lease old = take_one(*broker, stale);
  roll_back();
  TestWorker fresh;
  const Lease now = take_one(*broker, fresh);
  ASSERT_EQ(now.ref.token, old.ref.token) << "the clock stood still: else it would be a higher one";
  EXPECT_EQ(done(*broker, fresh, now.ref, "\"fresh\""), Verdict::accepted);
  EXPECT_EQ(done(*broker, stale, old.ref, "\"stale\""), Verdict::fenced);
  EXPECT_EQ(await(broker->get({spec.id}, true))[0]->result, "\"fresh\"");
}

TEST_F(RedisRollback, NoTokenComesAgain) {
  const auto broker = open();
  enqueue_and_copy(*broker);
  TestWorker stale;
  const Lease old = take_one(*broker, stale);
  roll_back();
  clock_.advance(1ms);
  TestWorker fresh;
  EXPECT_GT(take_one(*broker, fresh).ref.token, old.ref.token);
}

TEST_F(RedisRollback, TokensOfAQueueThatCountedThemGrowOn) {
  const auto broker = open();
  enqueue(*broker, {BrokerSuite::job(), BrokerSuite::job()});
  TestWorker worker;
  const std::uint64_t first = take_one(*broker, worker).ref.token;
  administer("HSET {coterie:0}m t " + std::to_string(first + 1'000'000'000));
  EXPECT_EQ(take_one(*broker, worker).ref.token, first + 1'000'000'001);
}

}  // namespace
}  // namespace broker_suite
