// Bad input is refused before anything is written, in words that name the field and the limit.
#include <gmock/gmock.h>

#include <limits>

#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "(accepted)";
}

TEST_P(BrokerSuite, AnEnqueueIsRefusedAsAWholeAndNothingIsWritten) {
  JobSpec bad = job();
  bad.priority = 1001;
  EXPECT_EQ(refusal([&] { enqueue({job(), bad, job()}); }),
            "jobs[1].priority: 1001 is outside -1000 to 1000");
  EXPECT_TRUE(queues().empty());
  EXPECT_TRUE(list(JobFilter{}).jobs.empty());
}

TEST_P(BrokerSuite, EveryFieldOfAJobHasItsLimit) {
  const auto refused = [this](auto spoil) {
    JobSpec spec = job();
    spoil(spec);
    return refusal([&] { enqueue({spec}); });
  };
  EXPECT_THAT(refused([](JobSpec& j) { j.id = JobId{}; }), HasSubstr("id: it is nil"));
  EXPECT_EQ(refused([](JobSpec& j) { j.queue = std::string(300, 'q'); }),
            "queue: 300 bytes, the limit is 255");
  EXPECT_EQ(refused([](JobSpec& j) { j.queue = ""; }), "queue: it is empty, give 1 to 255 bytes");
  EXPECT_EQ(refused([](JobSpec& j) { j.name = ""; }), "name: it is empty, give 1 to 255 bytes");
  EXPECT_THAT(refused([](JobSpec& j) { j.name = "a\nb"; }), HasSubstr("control characters"));
  EXPECT_THAT(refused([](JobSpec& j) { j.name = "\xc0\x80"; }), HasSubstr("UTF-8"));
  EXPECT_EQ(refused([](JobSpec& j) { j.payload = std::string((1 << 20) + 1, 'p'); }),
            "payload: 1048577 bytes, the limit is 1048576");
  EXPECT_EQ(refused([](JobSpec& j) { j.delay = -1ms; }), "delay: -1 ms is negative, give 0 or more");
  EXPECT_THAT(refused([](JobSpec& j) { j.delay = Milliseconds::max(); }), HasSubstr("delay: "));
  EXPECT_THAT(refused([](JobSpec& j) { j.run_at = -5; }), HasSubstr("run_at: -5"));
  EXPECT_THAT(refused([](JobSpec& j) { j.expires_at = std::numeric_limits<UnixMillis>::max(); }),
              HasSubstr("expires_at"));
  EXPECT_THAT(refused([](JobSpec& j) { j.max_attempts = 0; }), HasSubstr("max_attempts: 0"));
  EXPECT_EQ(refused([](JobSpec& j) { j.max_attempts = 1'000'001; }),
            "max_attempts: 1000001, the limit is 1000000");
  EXPECT_THAT(refused([](JobSpec& j) { j.timeout = -1s; }), HasSubstr("timeout"));
  EXPECT_THAT(refused([](JobSpec& j) { j.result_ttl = -1s; }), HasSubstr("result_ttl"));
  EXPECT_THAT(refused([](JobSpec& j) { j.backoff.factor = std::numeric_limits<double>::quiet_NaN(); }),
              HasSubstr("backoff.factor"));
  EXPECT_THAT(refused([](JobSpec& j) { j.backoff.jitter = 1.5; }), HasSubstr("backoff.jitter"));
  EXPECT_THAT(refused([](JobSpec& j) { j.after = {JobId{}}; }), HasSubstr("after: it is nil"));
  EXPECT_TRUE(list(JobFilter{}).jobs.empty());
}

TEST_P(BrokerSuite, WhatIsJustWithinTheLimitIsAccepted) {
  JobSpec spec = job(std::string(255, 'n'));
  spec.queue = "Größe 日本";
  spec.payload = std::string(1 << 20, 'p');
  spec.priority = -1000;
  spec.max_attempts = 1'000'000;
  const JobId id = enqueue_one(spec);
  EXPECT_EQ(info(id)->queue, "Größe 日本");
}

TEST_P(BrokerSuite, LimitsAreTheBrokersOwn) {
  Limits limits;
  limits.payload_bytes = 10;
  limits.batch_jobs = 2;
  limits.dependencies = 1;
  reopen(limits);
  JobSpec spec = job();
  spec.payload = "01234567890";
  EXPECT_EQ(refusal([&] { enqueue({spec}); }), "payload: 11 bytes, the limit is 10");
  EXPECT_EQ(refusal([&] { enqueue({job(), job(), job()}); }), "jobs: 3 entries, the limit is 2");
  const JobId first = enqueue_one(job());
  spec.payload = "";
  spec.after = {first, first};
  EXPECT_EQ(refusal([&] { enqueue({spec}); }), "after: 2 jobs, the limit is 1");
  EXPECT_THAT(refusal([&] { cancel({first, first, first}); }), HasSubstr("ids: 3"));
}

TEST_P(BrokerSuite, AJobCannotWaitForOneThatIsNotKnown) {
  JobSpec waits = job();
  const JobSpec later = job();
  waits.after = {later.id};
  EXPECT_THAT(refusal([&] { enqueue({waits, later}); }), HasSubstr("jobs[0].after"));
  waits.after = {waits.id};
  EXPECT_THAT(refusal([&] { enqueue({waits}); }), HasSubstr("is not known")) << "itself";
  EXPECT_TRUE(list(JobFilter{}).jobs.empty());
  waits.after = {later.id};
  EXPECT_EQ(enqueue({later, waits}), (std::vector{Enqueued::created, Enqueued::created}));
}

TEST_P(BrokerSuite, ACycleIsRefusedAsAWhole) {
  Limits limits;
  limits.result_bytes = 10;
  reopen(limits);
  enqueue({job(), job()});
  TestWorker worker;
  const std::vector<Lease> leases = take(worker, 2);
  ASSERT_EQ(leases.size(), 2U);
  CycleRequest request = worker.next();
  request.done.emplace_back(leases[0].ref, "short");
  request.done.emplace_back(leases[1].ref, "much too long");
  EXPECT_EQ(refusal([&] { cycle(request); }), "done[1].result: 13 bytes, the limit is 10");
  EXPECT_EQ(count(JobState::leased), 2U);
  request.done.pop_back();
  EXPECT_EQ(cycle(request).done, std::vector{Verdict::accepted}) << "the number was not used up";
}

TEST_P(BrokerSuite, EveryFieldOfACycleHasItsLimit) {
  TestWorker worker;
  const auto refused = [&](auto spoil) {
    CycleRequest request = worker.next();
    spoil(request);
    return refusal([&] { cycle(request); });
  };
  EXPECT_THAT(refused([](CycleRequest& r) { r.seq = 0; }), HasSubstr("seq: 0"));
  EXPECT_THAT(refused([](CycleRequest& r) { r.worker.incarnation = Uuid{}; }),
              HasSubstr("worker.incarnation"));
  EXPECT_THAT(refused([](CycleRequest& r) { r.worker.name = std::string(256, 'w'); }),
              HasSubstr("worker.name: 256"));
  EXPECT_THAT(refused([](CycleRequest& r) { r.lease = 0ms; }), HasSubstr("lease"));
  EXPECT_THAT(refused([](CycleRequest& r) { r.lease = -1ms; }), HasSubstr("lease"));
  EXPECT_THAT(refused([](CycleRequest& r) { r.lease = 25h; }), HasSubstr("lease"));
  EXPECT_THAT(refused([](CycleRequest& r) { r.queues = {""}; }), HasSubstr("queues"));
  EXPECT_THAT(refused([](CycleRequest& r) { r.want = 4'000'000'000; }), HasSubstr("want"));
  EXPECT_THAT(refused([](CycleRequest& r) {
                r.alive.emplace_back();
                r.alive[0].progress = std::numeric_limits<double>::quiet_NaN();
              }),
              HasSubstr("alive[0].progress"));
}

TEST_P(BrokerSuite, FiltersAndNotesHaveLimitsToo) {
  JobFilter filter;
  filter.limit = 0;
  EXPECT_THAT(refusal([&] { list(filter); }), HasSubstr("limit: 0"));
  EXPECT_THAT(refusal([&] { purge(filter); }), HasSubstr("limit: 0"));
  const auto put = [this](std::string key, std::string value) {
    return refusal([&] { put_note(key, std::nullopt, value); });
  };
  EXPECT_THAT(put("", "x"), HasSubstr("key: it is empty"));
  EXPECT_THAT(put(std::string(256, 'k'), "x"), HasSubstr("key: 256 bytes"));
  EXPECT_EQ(put("key", std::string(65'537, 'v')), "value: 65537 bytes, the limit is 65536");
  EXPECT_EQ(get_note("key"), std::nullopt);
  EXPECT_EQ(put(std::string(255, 'k'), std::string(65'536, 'v')), "(accepted)");
}

TEST_P(BrokerSuite, AnErrorsTextIsCutAtACharacterAndNeverRefused) {
  Limits limits;
  limits.error_bytes = 10;
  reopen(limits);
  const JobId id = enqueue_one(job());
  TestWorker worker;
  CycleRequest request = worker.next();
  request.failed.emplace_back(take_one(worker).ref, FailKind::dead, JobError("exit", "ääääää and \xff more"));
  request.seq = worker.next().seq;
  cycle(request);
  ASSERT_TRUE(info(id)->error);
  EXPECT_EQ(info(id)->error->message, "äääää");
}

}  // namespace
}  // namespace broker_suite
