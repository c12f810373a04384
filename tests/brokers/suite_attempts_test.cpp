// What is kept of the attempts that did not succeed.
#include <gmock/gmock.h>

#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// "1 by w, 0 to 5: exception: no": times in milliseconds since `began`.
std::string text_of(const Attempt& attempt, UnixMillis began) {
  return std::to_string(attempt.number) + " by " + attempt.worker + ", " +
         std::to_string(attempt.started_at - began) + " to " + std::to_string(attempt.ended_at - began) +
         ": " + attempt.error.type + ": " + attempt.error.text();
}

class Attempts {
 public:
  explicit Attempts(BrokerSuite& suite) : suite_(suite), began_(suite.clock_.wall()) {}

  /// Takes the job, and lets it fail 5 ms later.
  void fail(const std::string& worker, JobError error, FailKind kind = FailKind::retry) {
    TestWorker taker(worker);
    const Lease lease = suite_.take_one(taker);
    suite_.clock_.advance(5ms);
    CycleRequest request = taker.next();
    request.failed.emplace_back(lease.ref, kind, std::move(error)).delay = 0ms;
    EXPECT_EQ(suite_.cycle(request).failed, std::vector{Verdict::accepted});
  }
  std::vector<std::string> of(const JobId& id) const {
    std::vector<std::string> texts;
    const std::optional<JobInfo> info = suite_.info(id, true);
    for (const Attempt& attempt : info->attempts) texts.push_back(text_of(attempt, began_));
    return texts;
  }

 private:
  BrokerSuite& suite_;
  UnixMillis began_;
};

TEST_P(BrokerSuite, EachAttemptThatDidNotSucceedIsKept) {
  Attempts attempts(*this);
  const JobId id = enqueue_one(job());
  EXPECT_THAT(attempts.of(id), IsEmpty());
  attempts.fail("one", JobError("exit", "exit code 2"));
  attempts.fail("two", JobError("timeout", "too slow"));
  TestWorker worker;
  const Lease lease = take_one(worker);
  EXPECT_EQ(lease.attempt, 3U);
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
  EXPECT_THAT(attempts.of(id),
              ElementsAre("1 by one, 0 to 5: exit: exit code 2", "2 by two, 5 to 10: timeout: too slow"));
  EXPECT_EQ(info(id)->error->message, "too slow");
  EXPECT_THAT(info(id)->attempts, IsEmpty()) << "a list of jobs has no use for them";
}

TEST_P(BrokerSuite, WhatIsGivenBackForAReasonIsAnAttemptToo) {
  Attempts attempts(*this);
  const JobId id = enqueue_one(job());
  TestWorker worker;
  CycleRequest request = worker.next();
  request.failed.emplace_back(take_one(worker).ref, FailKind::give_back, JobError());
  request.seq = worker.next().seq;
  EXPECT_EQ(cycle(request).failed, std::vector{Verdict::accepted});
  EXPECT_THAT(attempts.of(id), IsEmpty()) << "there was none";
  attempts.fail("w", JobError("drain", "told to stop"), FailKind::give_back);
  EXPECT_THAT(attempts.of(id), ElementsAre("1 by w, 0 to 5: drain: told to stop"));
  EXPECT_EQ(take_one(worker).attempt, 1U) << "it has not counted";
}

TEST_P(BrokerSuite, OfManyAttemptsTheNewestTenAreKept) {
  Attempts attempts(*this);
  JobSpec spec = job();
  spec.max_attempts = 13;
  const JobId id = enqueue_one(spec);
  for (int i = 1; i <= 13; ++i) attempts.fail("w", JobError("exit", std::to_string(i)));
  EXPECT_EQ(state(id), JobState::dead);
  const std::vector<std::string> kept = attempts.of(id);
  ASSERT_EQ(kept.size(), 10U);
  EXPECT_EQ(kept.front(), "4 by w, 15 to 20: exit: 4");
  EXPECT_EQ(kept.back(), "13 by w, 60 to 65: exit: 13");
}

TEST_P(BrokerSuite, TheTextOfAnAttemptIsCutAndSaysSo) {
  const JobId id = enqueue_one(job());
  JobError error("exception", std::string(1024, 'e'));
  error.stack = "\nthrown in main()";
  Attempts attempts(*this);
  attempts.fail("w", error);
  std::string longer;
  while (longer.size() < 5000) longer += "\u20ac";
  error.message = longer;
  attempts.fail("w", error);
  const std::vector<Attempt> kept = info(id, true)->attempts;
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].error.text(), std::string(1024, 'e')) << "all of the message, and none of the stack";
  EXPECT_EQ(kept[1].error.text(), longer.substr(0, 1014) + " … (cut)");
  EXPECT_EQ(info(id)->error->message, longer + error.stack) << "of the last one there is all";
}

TEST_P(BrokerSuite, AnAttemptWithoutAMessageHasNoneOfTheStackEither) {
  const JobId id = enqueue_one(job());
  JobError error("exception", "");
  error.stack = std::string(2000, 's');
  Attempts attempts(*this);
  attempts.fail("w", error);
  const std::vector<Attempt> kept = info(id, true)->attempts;
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].error.text(), "");
  EXPECT_EQ(info(id)->error->message, error.stack);
}

TEST_P(BrokerSuite, ALeaseThatIsLostWithItsWorkerIsAnAttemptThatDidNotSucceed) {
  Attempts attempts(*this);
  JobSpec spec = job();
  spec.max_crashes = 2;
  const JobId id = enqueue_one(spec);
  TestWorker idle("idle");
  take_one(idle);
  pass(idle.lease + 1ms);
  EXPECT_THAT(attempts.of(id), IsEmpty()) << "its handler had not begun";
  crash(id);
  EXPECT_THAT(attempts.of(id),
              ElementsAre("1 by doomed, 30001 to 60002: crash: worker doomed died or was not heard of "
                          "while it ran this job"));
  crash(id);
  crash(id, true);
  crash(id, true);
  EXPECT_EQ(state(id), JobState::dead);
  const std::vector<Attempt> kept = info(id, true)->attempts;
  ASSERT_EQ(kept.size(), 4U);
  EXPECT_EQ(kept.back().number, 1U) << "none of them has counted";
  EXPECT_EQ(kept.back().error.type, "quarantine");
  EXPECT_EQ(kept.back().error.text(), "worker doomed died while it ran nothing but this job, 2 times now");
}

TEST_P(BrokerSuite, ARetryByHandDoesNotEraseThePast) {
  Attempts attempts(*this);
  const JobId id = enqueue_one(job());
  attempts.fail("one", JobError("exit", "before"), FailKind::dead);
  ASSERT_TRUE(retry(id));
  EXPECT_EQ(attempts.of(id).size(), 1U);
  attempts.fail("two", JobError("exit", "after"), FailKind::dead);
  EXPECT_THAT(attempts.of(id),
              ElementsAre("1 by one, 0 to 5: exit: before", "1 by two, 5 to 10: exit: after"));
}

TEST_P(BrokerSuite, AFailureThatIsReportedTwiceIsOneAttempt) {
  under_every_fate([this](Fate fate) {
    const JobId id = enqueue_one(job());
    TestWorker worker;
    CycleRequest request = worker.next();
    request.failed.emplace_back(take_one(worker).ref, FailKind::retry, JobError("exit", "no"));
    request.seq = worker.next().seq;
    deliver(fate, [&] { return cycle(request); });
    EXPECT_EQ(info(id, true)->attempts.size(), 1U);
  });
}

TEST_P(BrokerSuite, AttemptsGoAlongToAnotherBroker) {
  Attempts attempts(*this);
  JobSpec spec = job();
  spec.max_attempts = 20;
  spec.backoff.base = 3s;
  spec.headers["tenant"] = "blue";
  const JobId id = enqueue_one(spec);
  for (int i = 1; i <= 9; ++i) attempts.fail("there", JobError("exit", std::to_string(i)));
  const std::vector<std::string> before = attempts.of(id);
  EXPECT_THAT(await(broker().export_jobs({id}, false)).at(0)->spec.attempts, IsEmpty());
  JobSpec moved = await(broker().export_jobs({id}, true)).at(0)->spec;
  reopen(Limits{});
  enqueue_one(moved);
  EXPECT_EQ(attempts.of(id), before);
  EXPECT_EQ(info(id)->error->message, "9");
  EXPECT_EQ(info(id)->headers, spec.headers);
  attempts.fail("here", JobError("exit", "10"));
  attempts.fail("here", JobError("exit", "11"));
  const std::vector<std::string> after = attempts.of(id);
  ASSERT_EQ(after.size(), 10U);
  EXPECT_EQ(after.front(), before[1]);
  EXPECT_THAT(after.back(), HasSubstr("by here"));
  EXPECT_EQ(await(broker().export_jobs({id}, true)).at(0)->spec.backoff.base, 3s);
}

TEST_P(BrokerSuite, AttemptsThatWereKeptUnderWiderLimitsGoAlongCut) {
  Limits wide;
  wide.name_bytes = 1000;
  reopen(wide);
  const JobId id = enqueue_one(job());
  Attempts attempts(*this);
  attempts.fail(std::string(500, 'w'), JobError(std::string(600, 't'), "no"));
  EXPECT_EQ(info(id, true)->attempts.at(0).worker.size(), 500U);
  const JobSpec moved = await(broker().export_jobs({id}, true)).at(0)->spec;
  reopen(Limits{});
  enqueue_one(moved);
  const Attempt kept = info(id, true)->attempts.at(0);
  EXPECT_EQ(kept.worker, std::string(255, 'w'));
  EXPECT_EQ(kept.error.type, std::string(255, 't'));
  EXPECT_EQ(kept.error.message, "no");
}

TEST_P(BrokerSuite, AttemptsFromElsewhereHaveLimits) {
  const auto refused = [this](const std::function<void(std::vector<Attempt>&)>& spoil) {
    JobSpec spec = job();
    spec.attempts.resize(10);
    spoil(spec.attempts);
    try {
      enqueue({spec});
    } catch (const BadRequest& error) {
      return std::string(error.what());
    }
    return std::string("(accepted)");
  };
  EXPECT_EQ(refused([](auto&) {}), "(accepted)");
  EXPECT_EQ(refused([](auto& all) { all.resize(11); }), "attempts: 11 entries, the limit is 10");
  EXPECT_EQ(refused([](auto& all) { all[9].error.message = std::string(1025, 'e'); }),
            "attempts: a message: 1025 bytes, the limit is 1024");
  EXPECT_THAT(refused([](auto& all) { all[0].error.type = std::string("a\0b", 3); }),
              HasSubstr("attempts: a type: it must be UTF-8 without NUL"));
  EXPECT_THAT(refused([](auto& all) { all[0].worker = "\xff"; }),
              HasSubstr("attempts: a worker: it must be"));
  EXPECT_THAT(refused([](auto& all) { all[0].ended_at = -1; }),
              HasSubstr("attempts: ended_at: -1 is no time"));
  EXPECT_EQ(refused([](auto& all) { all[0].number = 1'000'001; }),
            "attempts: a number: 1000001, the limit is 1000000");
}

}  // namespace
}  // namespace broker_suite
