// Redis does not take back what a script has written when one of its calls fails. So here each call of each
// script that writes fails in turn. Then the caller says the same again, as the contract has it; or the
// caller has died, and nobody does. No job may be lost, run twice, or be told done and run again, and the
// keys say so too.
//
// Which failures are real? Before the first write: OOM, READONLY, NOREPLICAS, MISCONF, a slot that is being
// moved. Behind it only a right that an administrator takes away while workers run (the last test), and a key
// of ours that a stranger has made something else. Redis checks the others no more once a script has written.
#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <set>

#include "src/brokers/redis/scripts.hpp"
#include "tests/brokers/redis_failing_calls.hpp"
#include "tests/brokers/redis_shards.hpp"
#include "tests/brokers/redis_soundness.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::brokers::redis::Script;

class RedisScriptFailure : public RedisCalls {
 protected:
  using Step = std::function<void()>;
  enum class Caller { says_it_again, has_died };

  /// `prepare` and `call` on a queue that is empty at first, for each call of the script.
  void each_call_of(Script script, const Step& prepare, const Step& call) {
    for (const Caller caller : {Caller::says_it_again, Caller::has_died}) {
      SCOPED_TRACE(caller == Caller::has_died ? "the caller has died" : "the caller says it again");
      for (std::size_t nth = 1;; ++nth) {
        SCOPED_TRACE(std::string(to_string(script)) + ".lua, call " + std::to_string(nth));
        begin_anew();
        prepare();
        faults_.arm(script, nth);
        const bool refused = is_refused(call);
        const bool failed = faults_.disarm();
        EXPECT_TRUE(hides_failures_ || failed == refused);
        expect_nothing_lost_in_keys(server_.socket());
        if (caller == Caller::says_it_again) call();
        run_all();
        expect_all_ended(caller);
        expect_nothing_lost_in_keys(server_.socket());
        if (!failed) break;
        ASSERT_LT(nth, 500U);
      }
    }
  }
  /// Jobs that are looked after, and end as done.
  JobSpec job(const std::string& name = "noop") {
    JobSpec spec = BrokerSuite::job(name);
    jobs_[spec.id] = {JobState::done};
    return spec;
  }
  void enqueue(const std::vector<JobSpec>& specs) {
    (void)await(broker_->enqueue(specs));
    for (const JobSpec& spec : specs) enqueued_.insert(spec.id);
  }
  /// Makes the call; what it says of jobs that are done is kept.
  CycleReply cycle(const CycleRequest& request) {
    CycleReply reply = await(broker_->cycle(request));
    for (std::size_t i = 0; i < reply.done.size(); ++i)
      if (reply.done[i] == Verdict::accepted || reply.done[i] == Verdict::already_accepted)
        confirmed_.insert(request.done[i].lease.id);
    return reply;
  }
  /// All that there is, by a worker that is not heard of any more.
  std::vector<Lease> take(std::uint32_t want = 16) { return cycle(lost_.next(want)).leases; }

  RedisServer server_;
  FailingCalls faults_{server_};
  std::string query_;            // of the URL
  bool hides_failures_ = false;  // who calls is not told
  TestClock clock_;
  std::shared_ptr<Broker> broker_;
  std::map<JobId, std::set<JobState>> jobs_;  // how each may end; not at all: it is gone
  std::set<JobState> unless_said_;            // how else, where the caller has died
  std::set<JobId> enqueued_;                  // confirmed
  std::set<JobId> confirmed_;
  TestWorker lost_;

  void begin_anew() {
    broker_.reset();
    say(server_.url(), "FLUSHALL");
    broker_ = coterie::brokers::open_redis_broker(coterie::brokers::parse_broker_url(faults_.url(query_)), {},
                                                  clock_.source());
    jobs_.clear();
    enqueued_.clear();
    confirmed_.clear();
    lost_ = TestWorker();
  }
  static bool is_refused(const Step& call) {
    try {
      call();
    } catch (const QueueError&) {
      return true;
    }
    return false;
  }
  /// Until for more than half an hour there is nothing to do.
  void run_all() {
    TestWorker worker("the last one");
    for (int quiet = 0; quiet < 4;) {
      CycleRequest request = worker.next(16, {"default", "new", "other", "leased"});
      request.alone = true;
      const CycleReply taken = cycle(request);
      quiet = taken.leases.empty() ? quiet + 1 : 0;
      if (taken.leases.empty()) clock_.advance(10min);
      CycleRequest end = worker.next();
      for (const Lease& lease : taken.leases) {
        EXPECT_FALSE(confirmed_.contains(lease.ref.id)) << "it was told done, and runs again";
        EXPECT_NE(lease.name, "?");
        end.done.emplace_back(lease.ref, "1");
      }
      const CycleReply ended = cycle(end);
      for (const Verdict verdict : ended.done)
        EXPECT_EQ(verdict, Verdict::accepted) << "it ran twice at once";
    }
  }
  void expect_all_ended(Caller caller = Caller::says_it_again) {
    const bool is_said = caller == Caller::says_it_again;
    for (const auto& [id, ends] : jobs_) {
      const std::optional<JobInfo> info = await(broker_->get({id}, false))[0];
      if (!info) {
        EXPECT_TRUE(ends.empty() || (!is_said && !enqueued_.contains(id))) << "a job is lost";
        continue;
      }
      const bool is_as_before =
          !is_said && (info->state == JobState::done || unless_said_.contains(info->state));
      EXPECT_TRUE(ends.contains(info->state) || is_as_before) << "it ended as " << to_string(info->state);
    }
    for (const char* key : {"l", "z"})
      EXPECT_EQ(say(server_.url(), std::string("EXISTS {coterie:0}") + key).integer(), 0) << key;
  }
};

TEST_F(RedisScriptFailure, Enqueue) {
  std::vector<JobSpec> specs;
  const auto prepare = [&] {
    enqueue({job("before")});
    specs = {job(), job(), job("other"), job(), job()};
    specs[1].payload = "\"" + std::string(5000, 'x') + "\"";
    specs[2].queue = specs[3].queue = "new";
    specs[2].after = {specs[0].id};
    specs[3].delay = 1min;
    specs[4].expires_at = clock_.wall() + 1'500'000;
    specs[4].backoff.factor = 3;
  };
  each_call_of(Script::enqueue, prepare, [&] { enqueue(specs); });
}

TEST_F(RedisScriptFailure, TakeThatPromotesRecoversAndGivesOut) {
  CycleRequest request;
  const auto prepare = [&] {
    JobSpec suspect = job();
    JobSpec late = job();
    JobSpec stale = job("other");
    late.delay = 10s;
    stale.delay = 10s;
    stale.expires_at = clock_.wall() + 5'000;
    jobs_[stale.id] = {JobState::expired};
    enqueue({suspect, late, stale});
    (void)take();
    enqueue({job(), job("other")});
    clock_.advance(31s);
    request = lost_.next(16);
  };
  each_call_of(Script::take, prepare, [&] { (void)cycle(request); });
}

TEST_F(RedisScriptFailure, TakeThatForgets) {
  CycleRequest request;
  const auto prepare = [&] {
    JobSpec short_lived = job();
    short_lived.result_ttl = 1s;
    jobs_[short_lived.id] = {};
    enqueue({short_lived});
    CycleRequest done = lost_.next();
    for (const Lease& lease : take()) done.done.emplace_back(lease.ref, "1");
    done.seq = lost_.next().seq;
    (void)cycle(done);
    enqueue({job()});
    clock_.advance(2s);
    request = lost_.next(1);
  };
  each_call_of(Script::take, prepare, [&] { (void)cycle(request); });
}

TEST_F(RedisScriptFailure, Settle) {
  CycleRequest request;
  const auto prepare = [&] {
    std::vector<JobSpec> specs{job("a"), job("b"), job("c"), job("d"), job("e"), job("f"), job("g")};
    specs[6].after = {specs[0].id, specs[3].id};
    jobs_[specs[3].id] = {JobState::dead};
    enqueue(specs);
    std::map<std::string, LeaseRef> leases;
    for (const Lease& lease : take()) leases[lease.name] = lease.ref;
    request = lost_.next();
    request.done.emplace_back(leases["a"], "1");
    request.done.emplace_back(leases["b"], "\"" + std::string(5000, 'x') + "\"");
    request.failed.emplace_back(leases["c"], FailKind::retry, JobError("exception", "no"));
    request.failed.emplace_back(leases["d"], FailKind::dead, JobError("exception", "no"));
    request.failed.emplace_back(leases["e"], FailKind::give_back, JobError());
    request.alive.emplace_back(leases["f"]);
    request.alive[0].progress = 0.5;
  };
  each_call_of(Script::settle, prepare, [&] { (void)cycle(request); });
}

TEST_F(RedisScriptFailure, SettleOfOneThatFailedBefore) {
  CycleRequest request;
  const auto fail = [&](const LeaseRef& lease, FailKind kind) {
    request = lost_.next();
    request.failed.emplace_back(lease, kind, JobError("exception", "no")).delay = 0ms;
  };
  const auto prepare = [&] {
    const JobSpec spec = job();
    jobs_[spec.id] = {JobState::dead};
    unless_said_ = {JobState::done};
    enqueue({spec});
    const LeaseRef first = take().at(0).ref;
    fail(first, FailKind::retry);
    (void)cycle(request);
    const LeaseRef second = take().at(0).ref;
    fail(second, FailKind::dead);
  };
  each_call_of(Script::settle, prepare, [&] {
    (void)cycle(request);
    const std::vector<JobId> ids{request.failed[0].lease.id};
    EXPECT_EQ(await(broker_->get(ids, true))[0]->attempts.size(), 2U);
  });
}

// What Redis itself can do in the middle of a script: each right that the scripts need is taken away once.
TEST_F(RedisScriptFailure, ARightThatIsTakenAwayWhileWorkersRun) {
  for (const std::string& command : coterie::brokers::redis::commands_in_scripts()) {
    SCOPED_TRACE(command);
    begin_anew();
    JobSpec late = job("late");
    late.delay = 10s;
    const std::vector<JobSpec> first{job("a"), late, job("b")};
    const std::vector<JobSpec> second{job("a"), job("new")};
    enqueue(first);
    CycleRequest done = lost_.next();
    for (const Lease& lease : take(2)) done.done.emplace_back(lease.ref, "1");
    done.seq = lost_.next().seq;
    clock_.advance(11s);
    CycleRequest more = lost_.next(1);
    const Step calls[] = {[&] { enqueue(second); }, [&] { (void)cycle(done); }, [&] { (void)cycle(more); }};
    for (const Step& call : calls) {
      say(server_.url(), "ACL SETUSER default -" + command);
      (void)is_refused(call);
      say(server_.url(), "ACL SETUSER default +" + command);
      call();
    }
    run_all();
    expect_all_ended();
  }
}

TEST_F(RedisScriptFailure, Extend) {
  std::vector<LeaseRef> leases;
  const auto prepare = [&] {
    enqueue({job(), job()});
    leases.clear();
    for (const Lease& lease : take()) leases.push_back(lease.ref);
  };
  each_call_of(Script::extend, prepare,
               [&] { (void)await(broker_->extend(lost_.ref().incarnation, leases, lost_.lease)); });
}

TEST_F(RedisScriptFailure, Cancel) {
  std::vector<JobId> ids;
  const auto prepare = [&] {
    std::vector<JobSpec> specs{job(), job(), job(), job(), job()};
    specs[1].delay = 1min;
    specs[2].after = {specs[0].id};
    specs[4].after = {specs[2].id};
    specs[3].queue = "leased";
    enqueue(specs);
    (void)cycle(lost_.next(1, {"leased"}));
    ids = {specs[0].id, specs[1].id, specs[2].id, specs[3].id};
    for (const JobId& id : ids) jobs_[id] = {JobState::cancelled};
  };
  each_call_of(Script::cancel, prepare, [&] { (void)await(broker_->cancel(ids)); });
}

TEST_F(RedisScriptFailure, Retry) {
  unless_said_ = {JobState::cancelled};
  std::vector<JobId> ids;
  const auto prepare = [&] {
    std::vector<JobSpec> specs{job(), job("other")};
    specs[1].queue = "other";
    enqueue(specs);
    ids = {specs[0].id, specs[1].id};
    (void)await(broker_->cancel(ids));
  };
  each_call_of(Script::retry, prepare, [&] { (void)await(broker_->retry(ids)); });
}

TEST_F(RedisScriptFailure, PurgeLeavesWhatIsNotFinal) {
  unless_said_ = {JobState::cancelled};
  const auto prepare = [&] {
    const JobSpec gone = job();
    JobSpec late = job("late");
    late.delay = 1min;
    enqueue({gone, late});
    (void)await(broker_->cancel({gone.id}));
    jobs_[gone.id] = {};
  };
  each_call_of(Script::purge, prepare, [&] { (void)await(broker_->purge(JobFilter())); });
}

TEST_F(RedisScriptFailure, WithdrawAndReadmit) {
  std::vector<JobId> ids;
  const auto prepare = [&] {
    std::vector<JobSpec> specs{job(), job(), job()};
    specs[1].delay = 1min;
    specs[2].after = {specs[0].id};
    enqueue(specs);
    ids = {specs[2].id, specs[0].id, specs[1].id};  // who waits goes first
    for (const JobId& id : ids) jobs_[id] = {};
  };
  each_call_of(Script::withdraw, prepare, [&] { (void)await(broker_->withdraw(ids)); });
  std::vector<JobSpec> back;
  const auto prepare_return = [&] {
    back = {job(), job()};
    enqueue(back);
    ids = {back[0].id, back[1].id};
    (void)await(broker_->withdraw(ids));
    enqueued_.clear();
  };
  each_call_of(Script::readmit, prepare_return, [&] {
    await(broker_->readmit(ids));
    enqueue(back);
  });
}

TEST_F(RedisScriptFailure, PauseAndResume) {
  unless_said_ = {JobState::ready};  // it stays paused
  const auto prepare = [&] { enqueue({job(), job("other")}); };
  each_call_of(Script::pause, prepare, [&] {
    await(broker_->pause("default"));
    await(broker_->resume("default"));
  });
}

/// A job waits for one in another shard.
class RedisFarScriptFailure : public RedisScriptFailure {
 protected:
  RedisFarScriptFailure() {
    query_ = "shards=4";
    unless_said_ = {JobState::blocked};  // it was not said to the end what that one waits for
  }
  void each_call_of_enqueueing_far(Script script) {
    std::vector<JobSpec> specs;
    const auto prepare = [&] {
      specs = {in_shard(1), in_shard(2)};
      specs[1].after = {specs[0].id};
    };
    each_call_of(script, prepare, [&] { enqueue(specs); });
  }

 private:
  JobSpec in_shard(std::uint32_t shard) {
    JobSpec spec = BrokerSuite::job();
    while (coterie::brokers::redis::shard_of(spec.id, 4) != shard) spec.id = new_uuid();
    jobs_[spec.id] = {JobState::done};
    return spec;
  }
};

TEST_F(RedisFarScriptFailure, Enqueue) {
  each_call_of_enqueueing_far(Script::enqueue);
}
TEST_F(RedisFarScriptFailure, Depend) {
  each_call_of_enqueueing_far(Script::depend_far);
}
// Whoever carries a letter is told nothing: the next one carries it again.
TEST_F(RedisFarScriptFailure, Letters) {
  hides_failures_ = true;
  for (const Script script : {Script::outbox, Script::deliver, Script::delivered})
    each_call_of_enqueueing_far(script);
}

}  // namespace
}  // namespace broker_suite
