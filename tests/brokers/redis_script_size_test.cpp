// What a call of the broker sends: how many round trips, and how much work in one script.
#include <map>
#include <set>

#include "src/brokers/redis/scripts.hpp"
#include "tests/brokers/redis_fixture.hpp"
#include "tests/brokers/redis_proxy.hpp"

namespace broker_suite {
namespace {

namespace redis = coterie::brokers::redis;
using redis::Script;

constexpr std::size_t units = 64;
constexpr std::size_t bytes_most = std::size_t{256} << 10;

std::string sha_of(Script script) {
  std::string wire;
  redis::script_call(script).append_to(wire);
  redis::ReplyParser parser{redis::ReplyLimits()};
  parser.feed(wire);
  redis::Reply words;
  (void)parser.next(words);
  return words.at(1).string();
}

bool calls(const std::vector<std::string>& words, Script script) {
  static std::map<Script, std::string> known;
  std::string& sha = known[script];
  if (sha.empty()) sha = sha_of(script);
  return words.size() > 2 && words[0] == "EVALSHA" && words[1] == sha;
}

/// A broker that talks to its server through a proxy.
class RedisScriptSizeTest : public RedisBrokerTest {
 protected:
  RedisScriptSizeTest()
      : proxy_(server_.socket(), [this](const std::vector<std::string>& words) {
          note(words);
          return std::nullopt;
        }) {}
  std::shared_ptr<Broker> open_by_proxy() {
    return coterie::brokers::open_redis_broker(coterie::brokers::parse_broker_url(proxy_.url("")), {},
                                               clock_.source());
  }
  std::vector<JobSpec> jobs(std::size_t count, std::size_t payload_bytes = 2) {
    std::vector<JobSpec> specs(count);
    const std::lock_guard lock(mutex_);
    for (JobSpec& spec : specs) {
      spec = BrokerSuite::job();
      spec.payload = "\"" + std::string(payload_bytes - 2, 'x') + "\"";
      ids_.insert(std::string(reinterpret_cast<const char*>(spec.id.bytes.data()), 16));
    }
    return specs;
  }
  static std::vector<JobId> ids_of(const std::vector<JobSpec>& specs) {
    std::vector<JobId> ids;
    for (const JobSpec& spec : specs) ids.push_back(spec.id);
    return ids;
  }
  /// All that can be had.
  std::vector<Lease> take(Broker& broker, TestWorker& worker, std::uint32_t want) {
    std::vector<Lease> leases;
    for (;;) {
      CycleReply reply = await(broker.cycle(worker.next(want)));
      if (reply.leases.empty()) return leases;
      for (Lease& lease : reply.leases) leases.push_back(std::move(lease));
    }
  }
  /// The most ids of jobs, and the most bytes beyond those of a single entry, that a call of that script had.
  struct Most {
    std::size_t ids = 0;
    std::size_t bytes = 0;
    std::size_t wanted = 0;  // of a take
    std::size_t calls = 0;   // how many there were
  };
  Most most(Script script) {
    const std::lock_guard lock(mutex_);
    return most_[sha_of(script)];
  }
  /// Of all scripts.
  std::size_t most_bytes() {
    const std::lock_guard lock(mutex_);
    std::size_t bytes = 0;
    for (const auto& [sha, most] : most_) bytes = std::max(bytes, most.bytes);
    return bytes;
  }
  void start_anew() {
    const std::lock_guard lock(mutex_);
    most_.clear();
  }

  RedisProxy proxy_;

 private:
  void note(const std::vector<std::string>& words) {
    if (words.size() < 2 || words[0] != "EVALSHA") return;
    const std::lock_guard lock(mutex_);
    std::size_t ids = 0;
    std::size_t bytes = 0;
    for (const std::string& word : words) {
      bytes += word.size();
      if (word.size() % 16 != 0) continue;
      for (std::size_t at = 0; at < word.size(); at += 16) ids += ids_.count(word.substr(at, 16));
    }
    Most& most = most_[words[1]];
    ++most.calls;
    most.ids = std::max(most.ids, ids);
    if (ids > 1) most.bytes = std::max(most.bytes, bytes);
    if (calls(words, Script::take))
      most.wanted = std::max<std::size_t>(most.wanted, std::stoul(words.at(13)));
  }

  std::mutex mutex_;
  std::set<std::string> ids_;
  std::map<std::string, Most> most_;  // by the script's hash
};

TEST_F(RedisScriptSizeTest, ACyclesSettlementsAndItsTakeTravelInOneRoundTrip) {
  const auto broker = open_by_proxy();
  enqueue(*broker, jobs(2));
  TestWorker worker;
  const Lease first = take_one(*broker, worker);
  proxy_.hold_replies_to([](const auto& words) { return calls(words, Script::settle); });
  CycleRequest request = worker.next(1);
  request.done.emplace_back(first.ref, "1");
  const CycleReply reply = await(broker->cycle(std::move(request)));
  EXPECT_EQ(reply.done, std::vector<Verdict>{Verdict::accepted});
  EXPECT_EQ(reply.leases.size(), 1U);
  EXPECT_EQ(most(Script::settle).ids, 1U);
}

TEST_F(RedisScriptSizeTest, AllSettlementsOfACycleGoBeforeItsTakesInOneRoundTrip) {
  const auto broker = open_by_proxy();
  enqueue(*broker, jobs(400));
  TestWorker worker;
  const CycleReply taken = await(broker->cycle(worker.next(200)));
  ASSERT_EQ(taken.leases.size(), 200U);
  proxy_.hold_replies_to([](const auto& words) { return calls(words, Script::settle); });
  CycleRequest request = worker.next(200);
  for (const Lease& lease : taken.leases) request.done.emplace_back(lease.ref, "1");
  EXPECT_EQ(await(broker->cycle(std::move(request))).done.size(), 200U);
  EXPECT_EQ(most(Script::settle).ids, units) << "four scripts";
}

TEST_F(RedisScriptSizeTest, AScriptHasAtMost64Jobs) {
  const auto broker = open_by_proxy();
  const std::vector<JobSpec> specs = jobs(1000);
  const std::vector<JobId> ids = ids_of(specs);
  enqueue(*broker, specs);
  EXPECT_EQ(most(Script::enqueue).ids, units);
  (void)await(broker->get(ids, true));
  EXPECT_EQ(most(Script::get).ids, units);

  TestWorker worker;
  const std::vector<Lease> leases = take(*broker, worker, 500);
  ASSERT_EQ(leases.size(), 1000U);
  EXPECT_GT(most(Script::take).wanted, 1U);
  EXPECT_LE(most(Script::take).wanted, units);
  std::vector<LeaseRef> refs;
  for (const Lease& lease : leases) refs.push_back(lease.ref);
  (void)await(broker->extend(worker.ref().incarnation, refs, worker.lease));
  EXPECT_EQ(most(Script::extend).ids, units);
  CycleRequest request = worker.next();
  for (std::size_t i = 0; i < 300; ++i) request.done.emplace_back(refs[i], "1");
  for (std::size_t i = 300; i < 600; ++i)
    request.failed.emplace_back(refs[i], FailKind::dead, JobError("test", "no"));
  for (std::size_t i = 600; i < 1000; ++i) request.alive.emplace_back(refs[i]);
  (void)await(broker->cycle(std::move(request)));
  EXPECT_EQ(most(Script::settle).ids, units);
  (void)await(broker->retry(ids));
  EXPECT_EQ(most(Script::retry).ids, units);
  (void)await(broker->cancel(ids));
  EXPECT_EQ(most(Script::cancel).ids, units);

  const std::vector<JobSpec> others = jobs(300);
  enqueue(*broker, others);
  (void)await(broker->withdraw(ids_of(others)));
  EXPECT_EQ(most(Script::withdraw).ids, units);
  (void)await(broker->readmit(ids_of(others)));
  EXPECT_EQ(most(Script::readmit).ids, units);
}

/// An id that is waited for is looked up and noted, which is a quarter of the work of writing a job.
TEST_F(RedisScriptSizeTest, AScriptHasAtMost256IdsThatAreWaitedFor) {
  const auto broker = open_by_proxy();
  const std::vector<JobSpec> specs = jobs(1000);
  enqueue(*broker, specs);
  start_anew();
  std::vector<JobSpec> waiting = jobs(1);
  waiting[0].after = ids_of(specs);
  enqueue(*broker, waiting);
  EXPECT_EQ(most(Script::known).ids, 4 * units);
  EXPECT_EQ(most(Script::depend).ids, 4 * units + 1);  // and its own
  EXPECT_LE(most(Script::enqueue).ids, 1 + units);
}

TEST_F(RedisScriptSizeTest, AScriptHasAtMost256KiBOrOneJob) {
  constexpr std::size_t frame = 16 << 10;  // names, numbers and ids beside the bodies
  const auto broker = open_by_proxy();
  enqueue(*broker, jobs(200, 10'000));
  EXPECT_GT(most_bytes(), bytes_most / 2);
  EXPECT_LE(most_bytes(), bytes_most + frame);
  enqueue(*broker, jobs(4, 200'000));
  EXPECT_LE(most_bytes(), bytes_most + frame);
  start_anew();
  TestWorker worker;
  const std::vector<Lease> leases = take(*broker, worker, 300);
  ASSERT_EQ(leases.size(), 204U);
  CycleRequest request = worker.next();
  for (const Lease& lease : leases) request.done.emplace_back(lease.ref, '"' + std::string(9'998, 'r') + '"');
  (void)await(broker->cycle(std::move(request)));
  EXPECT_GT(most(Script::settle).bytes, bytes_most / 2);
  EXPECT_LE(most_bytes(), bytes_most + frame);
}

TEST_F(RedisScriptSizeTest, AReplyEndsBehindTheJobThatFills256KiBAndTheRestIsAskedForAgain) {
  constexpr std::size_t count = 70;
  constexpr std::size_t error_bytes = 30'000;
  const auto broker = open_by_proxy();
  const std::vector<JobSpec> specs = jobs(count);
  std::vector<JobId> ids = ids_of(specs);
  enqueue(*broker, specs);
  TestWorker worker;
  const std::vector<Lease> leases = take(*broker, worker, 100);
  CycleRequest request = worker.next();
  for (const Lease& lease : leases)
    request.failed.emplace_back(lease.ref, FailKind::retry, JobError("test", std::string(error_bytes, 'e')));
  (void)await(broker->cycle(std::move(request)));
  ids.insert(ids.begin() + 1, new_uuid());
  constexpr std::size_t most_jobs = bytes_most / error_bytes + 1;
  for (const bool bodies : {false, true}) {
    start_anew();
    const std::vector<std::optional<JobInfo>> found = await(broker->get(ids, bodies));
    EXPECT_GE(most(Script::get).calls, count / most_jobs);
    ASSERT_EQ(found.size(), ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ASSERT_EQ(found[i].has_value(), i != 1) << i;
      if (i == 1) continue;
      EXPECT_EQ(found[i]->id, ids[i]);
      EXPECT_EQ(found[i]->error.value().message.size(), error_bytes);
    }
  }
  const std::vector<std::optional<JobExport>> exported = await(broker->export_jobs(ids, true));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(exported.at(i).has_value(), i != 1) << i;
    if (exported[i]) {
      EXPECT_EQ(exported[i]->spec.id, ids[i]);
    }
  }
}

}  // namespace
}  // namespace broker_suite
