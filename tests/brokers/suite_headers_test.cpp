// What travels beside a job's payload: kept as it came, given with every lease, limited.
#include <gmock/gmock.h>

#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const Headers some{{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
                   {"Größe", "日本"},
                   {"empty", ""},
                   {"long", std::string(4000, 'v')}};

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "(accepted)";
}

TEST_P(BrokerSuite, HeadersComeWithTheLeaseAndTheRecord) {
  JobSpec spec = job();
  spec.headers = some;
  const JobId id = enqueue_one(spec);
  EXPECT_EQ(info(id)->headers, some);
  EXPECT_EQ(list(JobFilter{}).jobs.at(0).headers, some);
  TestWorker worker;
  const Lease lease = take_one(worker);
  EXPECT_EQ(lease.headers, some);
  EXPECT_EQ(lease.payload, spec.payload);
  done(worker, lease.ref);
  EXPECT_EQ(info(id)->headers, some) << "as long as the record";
}

TEST_P(BrokerSuite, EachJobOfABatchHasItsOwnHeaders) {
  std::vector<JobSpec> jobs;
  for (int i = 0; i < 12; ++i) {
    JobSpec& spec = jobs.emplace_back(job());
    if (i % 3 != 0) spec.headers["number"] = std::to_string(i);
    if (i % 3 == 2) spec.payload = std::string(5000, 'p');
    if (i % 4 == 1) spec.backoff.base = 7s;
    if (i % 5 == 1) spec.expires_at = clock_.wall() + 60'000;
  }
  enqueue(jobs);
  TestWorker worker;
  std::map<JobId, Headers> found;
  for (const Lease& lease : take(worker, 7)) found[lease.ref.id] = lease.headers;
  for (const Lease& lease : take(worker, 7)) found[lease.ref.id] = lease.headers;
  ASSERT_EQ(found.size(), jobs.size());
  for (const JobSpec& spec : jobs) EXPECT_EQ(found[spec.id], spec.headers);
}

TEST_P(BrokerSuite, HeadersStayThroughFailuresRetriesAndProgress) {
  JobSpec spec = job();
  spec.headers = some;
  spec.delay = 1s;
  const JobId id = enqueue_one(spec);
  pass(1s);
  TestWorker worker;
  CycleRequest request = worker.next();
  const Lease first = take_one(worker);
  Alive& alive = request.alive.emplace_back(first.ref);
  alive.progress = 0.5;
  request.seq = worker.next().seq;
  cycle(request);
  fail(worker, first.ref, FailKind::retry, 0ms);
  const Lease second = take_one(worker);
  EXPECT_EQ(second.headers, some);
  fail(worker, second.ref, FailKind::dead);
  ASSERT_TRUE(retry(id));
  EXPECT_EQ(take_one(worker).headers, some);
}

TEST_P(BrokerSuite, ACycleThatIsRepeatedGivesTheHeadersAgain) {
  under_every_fate([this](Fate fate) {
    JobSpec with = job();
    with.headers = some;
    const JobSpec without = job();
    enqueue({without, with});
    TestWorker worker;
    const CycleRequest request = worker.next(2);
    const CycleReply reply = deliver(fate, [&] { return cycle(request); });
    ASSERT_EQ(reply.leases.size(), 2U);
    for (const Lease& lease : reply.leases)
      EXPECT_EQ(lease.headers, lease.ref.id == with.id ? some : Headers());
  });
}

TEST_P(BrokerSuite, ASuspectKeepsItsHeaders) {
  JobSpec spec = job();
  spec.headers = some;
  const JobId id = enqueue_one(spec);
  crash(id);
  crash(id);
  TestWorker worker;
  CycleRequest request = worker.next(1);
  request.alone = true;
  const CycleReply reply = cycle(request);
  ASSERT_EQ(reply.leases.size(), 1U);
  EXPECT_TRUE(reply.leases[0].alone);
  EXPECT_EQ(reply.leases[0].headers, some);
}

TEST_P(BrokerSuite, HeadersGoAlongToAnotherBroker) {
  JobSpec spec = job();
  spec.headers = some;
  spec.backoff.base = 3s;
  const JobId id = enqueue_one(spec);
  for (const bool payloads : {false, true}) {
    const std::vector<std::optional<JobExport>> jobs = await(broker().export_jobs({id}, payloads));
    ASSERT_TRUE(jobs.at(0));
    EXPECT_EQ(jobs[0]->spec.headers, some);
    EXPECT_EQ(jobs[0]->spec.backoff.base, 3s);
  }
}

TEST_P(BrokerSuite, HeadersHaveLimits) {
  const auto refused = [this](Headers headers) {
    JobSpec spec = job();
    spec.headers = std::move(headers);
    return refusal([&] { enqueue({spec}); });
  };
  EXPECT_EQ(refused({{"", "x"}}), "headers: a name: it is empty, give 1 to 255 bytes");
  EXPECT_EQ(refused({{std::string(256, 'n'), "x"}}), "headers: a name: 256 bytes, the limit is 255");
  EXPECT_THAT(refused({{"a\nb", "x"}}), HasSubstr("headers: a name: it must be UTF-8 without control"));
  EXPECT_EQ(refused({{"a", "x\r\ny"}}),
            "headers: the value of 'a': it must be UTF-8 without control characters");
  EXPECT_THAT(refused({{"a", "\xc0\x80"}}), HasSubstr("it must be UTF-8"));
  EXPECT_EQ(refused({{"a", std::string(8192, 'v')}}), "headers: 8193 bytes, the limit is 8192");
  Headers many;
  for (int i = 0; i < 33; ++i) many[std::to_string(i)] = "x";
  EXPECT_EQ(refused(many), "headers: 33 entries, the limit is 32");
  EXPECT_TRUE(list(JobFilter{}).jobs.empty());
  many.erase("0");
  many["1"] = std::string(8000, 'v');
  EXPECT_EQ(refused(many), "(accepted)");
  EXPECT_EQ(list(JobFilter{}).jobs.at(0).headers, many);
}

}  // namespace
}  // namespace broker_suite
