// The walk over a queue's keys finds what is wrong there: else it would prove nothing of those that are
// sound.
#include <functional>

#include "src/brokers/redis/record.hpp"
#include "tests/brokers/redis_shards.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::brokers::redis::Command;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class RedisKeyWalk : public RedisShardsTest {
 protected:
  /// Jobs in each state, with all that a job may have.
  void fill(const std::string& query = "") {
    administer("FLUSHALL");
    broker_ = open(query);
    std::vector<JobSpec> specs;
    for (const char* name :
         {"dead", "cancelled", "done", "leased", "suspect", "ready", "scheduled", "blocked"})
      specs.push_back(named(name));
    specs[5].payload = "\"" + std::string(5000, 'x') + "\"";
    specs[5].expires_at = clock_.wall() + 3'600'000;
    specs[6].delay = 1h;
    specs[7].after = {specs[3].id, specs[5].id};
    enqueue(*broker_, specs);
    EXPECT_EQ(await(broker_->cancel({ids_["cancelled"]})).at(0), CancelResult::cancelled);
    for (int crashes = 0; crashes < 2; ++crashes) {
      TestWorker doomed("doomed");
      CycleRequest begun = doomed.next(16);
      begun.queues = {"suspect"};
      const Lease lease = await(broker_->cycle(begun)).leases.at(0);
      CycleRequest alive = doomed.next();
      alive.alive.emplace_back(lease.ref);
      (void)await(broker_->cycle(alive));
      clock_.advance(31s);
      (void)await(broker_->cycle(worker_.next()));
    }
    for (const char* queue : {"dead", "done", "leased"}) {
      CycleRequest taken = worker_.next(1, {queue});
      const Lease lease = await(broker_->cycle(taken)).leases.at(0);
      CycleRequest end = worker_.next();
      if (lease.name == "done") end.done.emplace_back(lease.ref, "\"" + std::string(5000, 'y') + "\"");
      if (lease.name == "dead")
        end.failed.emplace_back(lease.ref, FailKind::dead, JobError("exception", "no"));
      (void)await(broker_->cycle(end));
    }
  }
  std::vector<std::string> findings() {
    std::vector<std::string> texts;
    for (const KeyFinding& finding : walk_keys(read_keys({server_.socket()}, "coterie")))
      texts.push_back((finding.kind == KeyFinding::Kind::wrong ? "wrong: " : "left behind: ") + finding.text);
    return texts;
  }
  /// The words, of which those that name a job stand for its id; what they begin with is written before it.
  void damage(const std::string& words) {
    std::istringstream in(words);
    std::string word;
    in >> word;
    Command command(word);
    while (in >> word) {
      const std::size_t at = word.find('$');
      if (at == std::string::npos)
        command.arg(word);
      else
        command.arg(word.substr(0, at) +
                    std::string(coterie::brokers::redis::bytes_of(ids_.at(word.substr(at + 1)))));
    }
    broker_suite::administer(server_.url(), std::move(command));
  }

  std::shared_ptr<Broker> broker_;
  std::map<std::string, JobId> ids_;
  TestWorker worker_;

 private:
  /// In a queue of its own.
  JobSpec named(const std::string& name) {
    JobSpec spec = BrokerSuite::job(name);
    spec.queue = name;
    ids_[name] = spec.id;
    return spec;
  }
};

TEST_F(RedisKeyWalk, FindsNothingWhereAllIsSound) {
  fill();
  EXPECT_THAT(findings(), IsEmpty());
  fill("shards=4");
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(RedisKeyWalk, FindsEachDrift) {
  struct Drift {
    const char* words;
    const char* found;
  };
  // Queues have their numbers by the order of `fill`, from 1: leased is 4, suspect 5, ready 6.
  static constexpr Drift drifts[] = {
      {"ZREM {coterie:0}l $leased", "leased, and does not stand in l"},
      {"ZADD {coterie:0}l 1 $ready", "ready, and stands in l"},
      {"ZREM {coterie:0}z $scheduled", "scheduled, and does not stand in z"},
      {"ZADD {coterie:0}z 5 $scheduled", "scheduled, and does not stand in z"},
      {"ZREM {coterie:0}z $ready", "ready, and does not stand in z"},
      {"ZREM {coterie:0}r6.1 $ready", "ready, and does not stand in r6.1"},
      {"ZADD {coterie:0}r6.1 9 $ready", "ready, and does not stand in r6.1 at level"},
      {"RENAME {coterie:0}u5.1 {coterie:0}r5.1", "ready, and does not stand in u5.1"},
      {"DEL {coterie:0}f6", "f6 does not list it"},
      {"ZADD {coterie:0}f6 77 6.1", "not the front"},
      {"ZADD {coterie:0}f6 77 6.2", "an empty stream"},
      {"ZREM {coterie:0}E0 $blocked", "blocked, and does not stand in E0"},
      {"ZREM {coterie:0}E6 $dead", "dead, and does not stand in E6"},
      {"ZADD {coterie:0}E7 3 $done", "done, and stands in E7"},
      {"DEL {coterie:0}j$cancelled", "no job, and stands in E7"},
      {"DEL {coterie:0}h", "nobody will forget these"},
      {"HINCRBY {coterie:0}c6 2 1", "counts 1 too many in 2"},
      {"HINCRBY {coterie:0}c6 2 -1", "counts too few"},
      {"HDEL {coterie:0}c6 N", "its queue has no name"},
      {"HDEL {coterie:0}e6 1", "its handler has no name"},
      {"HSET {coterie:0}Q ready 3", "two queues are number 3"},
      {"RPUSH {coterie:0}y 3", "number 3 is not free"},
      {"DEL {coterie:0}o0", "is not in the list of all"},
      {"SETRANGE {coterie:0}o0 0 \x0e", "counts too many"},
      {"SETRANGE {coterie:0}o0 0 \x03", "counts too few"},
      {"DEL {coterie:0}b$ready", "not what its job says"},
      {"SET {coterie:0}s$done no", "not what its job says"},
      {"SET {coterie:0}b$leased more", "its job does not know of it"},
      {"DEL {coterie:0}x$dead", "where is its x?"},
      {"HDEL {coterie:0}x$dead a0", "a0 of 1 attempts"},
      {"HSET {coterie:0}x$dead a3 more", "a3 of 1 attempts"},
      {"HDEL {coterie:0}x$suspect e", "attempts, and no error"},
      {"DEL {coterie:0}d$leased", "waits for 2, and 1 will tell it"},
      {"RENAME {coterie:0}d$leased {coterie:0}d$done", "waits for 2, and 1 will tell it"},
      {"HSET {coterie:0}m t 1", "a token that was not given yet"},
      {"HSET {coterie:0}m o 2", "newer than the newest"},
      {"HSET {coterie:0}m p 0", "a place that was not given yet"},
      {"ZADD {coterie:0}T 9000000000000 $ready", "one of a job that was forgotten"},
      {"SETRANGE {coterie:0}j$ready 0 \x04", "no record"},
      {"APPEND {coterie:0}j$ready more", "no record"},
      {"SET {coterie:0}t 1", "no key of the layout"},
      {"RPUSH {coterie:0}k 1", "a list"},
      {"ZADD {coterie:0}K 1 somebody", "lacks somebody"},
      {"COPY {coterie:0}j$ready {coterie:1}j$ready", "in another shard, too"},
  };
  for (const Drift& drift : drifts) {
    SCOPED_TRACE(drift.words);
    fill();
    damage(drift.words);
    EXPECT_THAT(findings(), Contains(HasSubstr(drift.found)));
  }
  damages_keys_ = true;
}

TEST_F(RedisKeyWalk, FindsALeaseWhoseOwnerIsNotThere) {
  fill();
  const coterie::brokers::redis::Reply keys = administer("KEYS {coterie:0}w*");
  for (const auto& key : keys.array())
    broker_suite::administer(server_.url(), Command("DEL").arg(key.string()));
  EXPECT_THAT(findings(), Contains(HasSubstr("who has leased it is not there")));
  damages_keys_ = true;
}

TEST_F(RedisKeyWalk, FindsAJobThatNobodyInAnotherShardWillTell) {
  fill("shards=4");
  const JobSpec first = job_in(1);
  JobSpec second = job_in(2);
  second.after = {first.id};
  enqueue(*broker_, {first, second});
  EXPECT_THAT(findings(), IsEmpty());
  broker_suite::administer(
      server_.url(),
      Command("DEL").arg("{coterie:1}d" + std::string(coterie::brokers::redis::bytes_of(first.id))));
  EXPECT_THAT(findings(), Contains(HasSubstr("nobody will tell it")));
  damages_keys_ = true;
}

}  // namespace
}  // namespace broker_suite
