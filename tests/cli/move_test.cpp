// coterie move: jobs go from one broker to another, also where it is killed in the middle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <csignal>
#include <map>
#include <optional>
#include <random>

#include "coterie/queue/broker.hpp"
#include "coterie/run.hpp"
#include "tests/brokers/redis_administrator.hpp"
#include "tests/brokers/redis_server.hpp"
#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using broker_suite::RedisServer;
using coterie::Task;
using testing::AllOf;
using testing::HasSubstr;
namespace queue = coterie::queue;
using queue::JobId;
using queue::JobSpec;
using queue::JobState;

/// A broker's calls, each run to its end.
class Store {
 public:
  explicit Store(std::string url) : url_(std::move(url)), broker_(queue::open_broker(url_)) {}
  [[nodiscard]] const std::string& url() const { return url_; }
  queue::Broker& operator*() { return *broker_; }
  queue::Broker* operator->() { return broker_.get(); }
  template <class T>
  static T await(Task<T> call) {
    if constexpr (std::is_void_v<T>)
      EXPECT_EQ(coterie::run(std::move(call)), 0);
    else
      return coterie::run(std::move(call));
  }
  JobId add(JobSpec spec = JobSpec("noop")) {
    if (spec.id.is_nil()) spec.id = queue::new_uuid();
    const JobId id = spec.id;
    await(broker_->enqueue({std::move(spec)}));
    return id;
  }
  std::vector<queue::JobInfo> jobs() {
    queue::JobFilter filter;
    filter.limit = 100'000;
    return await(broker_->list(filter)).jobs;
  }
  std::map<JobState, std::uint64_t> counts() {
    std::map<JobState, std::uint64_t> counts;
    for (const queue::QueueInfo& info : await(broker_->queues()))
      for (const auto& [state, count] : info.counts) counts[state] += count;
    return counts;
  }
  std::uint64_t size() {
    std::uint64_t size = 0;
    for (const auto& [state, count] : counts()) size += count;
    return size;
  }
  queue::Lease take() {
    queue::CycleRequest request = next(1);
    std::vector<queue::Lease> leases = await(broker_->cycle(request)).leases;
    EXPECT_EQ(leases.size(), 1U);
    return leases.empty() ? queue::Lease() : leases.front();
  }
  void end(const queue::Lease& lease) {
    queue::CycleRequest request = next(0);
    request.done.emplace_back(lease.ref, "null");
    await(broker_->cycle(request));
  }

 private:
  queue::CycleRequest next(std::uint32_t want) {
    queue::CycleRequest request;
    request.worker.name = "the worker";
    request.worker.incarnation = incarnation_;
    request.seq = ++seq_;
    request.queues = {"default"};
    request.want = want;
    return request;
  }
  std::string url_;
  std::shared_ptr<queue::Broker> broker_;
  queue::Uuid incarnation_ = queue::new_uuid();
  std::uint64_t seq_ = 0;
};

std::vector<std::string> words(const Store& from, const Store& to, std::vector<std::string> more = {}) {
  std::vector<std::string> all{"move", "--from", from.url(), "--to", to.url()};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// Two chains that meet, and jobs that wait for nobody.
struct Family {
  JobId first, second, child, grandchild, lone, later;
};
Family make_family(Store& store) {
  Family family;
  family.first = store.add();
  family.second = store.add();
  JobSpec child("noop");
  child.after = {family.first, family.second};
  family.child = store.add(child);
  JobSpec grandchild("noop");
  grandchild.after = {family.child};
  family.grandchild = store.add(grandchild);
  JobSpec lone("resize", R"({"width":3})");
  lone.priority = 7;
  lone.max_attempts = 2;
  family.lone = store.add(lone);
  JobSpec later("noop");
  later.delay = std::chrono::hours(1);
  family.later = store.add(later);
  return family;
}

void expect_family(Store& store) {
  EXPECT_EQ(store.counts(), (std::map<JobState, std::uint64_t>{
                                {JobState::blocked, 2}, {JobState::scheduled, 1}, {JobState::ready, 3}}));
}

class Move : public testing::Test {
 protected:
  Folder folder_;
  RedisServer server_;
  Store file_{"sqlite://" + folder_.path("jobs.db")};
  Store redis_{server_.url()};
};

TEST_F(Move, AllThatWaitsGoesThereAndBackWithWhatItWaitsFor) {
  const Family family = make_family(file_);
  const Ended there = folder_.run(words(file_, redis_));
  EXPECT_EQ(there.code, 0) << there.err;
  EXPECT_THAT(there.out, HasSubstr("Moved 6 jobs (2 blocked, 1 scheduled, 3 ready)"));
  expect_family(redis_);
  EXPECT_TRUE(file_.jobs().empty());
  const std::optional<queue::JobInfo> lone = Store::await(redis_->get({family.lone}, true)).at(0);
  ASSERT_TRUE(lone);
  EXPECT_EQ(lone->payload, R"({"width":3})");
  EXPECT_EQ(lone->priority, 7);
  EXPECT_EQ(lone->max_attempts, 2U);
  const Ended back = folder_.run(words(redis_, file_, {"--json"}));
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(back.out, AllOf(HasSubstr(R"("jobs":6)"), HasSubstr(R"("known_before":0)")));
  expect_family(file_);
  EXPECT_TRUE(redis_.jobs().empty());
  EXPECT_TRUE(Store::await(redis_->paused()).empty());
}

TEST_F(Move, FromOneRedisToAnother) {
  const RedisServer second;
  Store other(second.url());
  make_family(redis_);
  EXPECT_EQ(folder_.run(words(redis_, other)).code, 0);
  expect_family(other);
}

TEST_F(Move, WhatRunsIsLeftAndWhoWaitsForItToo) {
  const JobId parent = file_.add();
  const queue::Lease lease = file_.take();
  JobSpec child("noop");
  child.after = {parent};
  const JobId waits = file_.add(child);
  file_.add();
  const Ended moved = folder_.run(words(file_, redis_));
  EXPECT_EQ(moved.code, 1) << moved.err;
  EXPECT_THAT(moved.out,
              AllOf(HasSubstr("Moved 1 job"), HasSubstr("Stays: 1 job that runs at the source (the worker)"),
                    HasSubstr("Stays: 1 job that could not do without one that stays")));
  EXPECT_TRUE(Store::await(file_->paused()).empty());
  file_.end(lease);
  EXPECT_EQ(folder_.run(words(file_, redis_)).code, 0);
  EXPECT_TRUE(Store::await(redis_->get({waits}, false)).at(0));
  EXPECT_EQ(file_.counts(), (std::map<JobState, std::uint64_t>{{JobState::done, 1}}));
}

TEST_F(Move, ItCanWaitForWhatRuns) {
  file_.add();
  const queue::Lease lease = file_.take();
  const pid_t pid = folder_.start(words(file_, redis_, {"--wait"}));
  while (Store::await(file_->paused()).empty() && !is_gone(pid)) ::sched_yield();
  EXPECT_FALSE(is_gone(pid));
  file_.end(lease);
  const Ended moved = folder_.wait(pid);
  EXPECT_EQ(moved.code, 0) << moved.err;
  EXPECT_THAT(moved.out, HasSubstr("Stays: 1 job that has ended"));
}

TEST_F(Move, OnlyTheQueuesThatAreNamed) {
  JobSpec mail("noop");
  mail.queue = "mail";
  const JobId id = file_.add(mail);
  file_.add();
  EXPECT_EQ(folder_.run(words(file_, redis_, {"--queue", "mail"})).code, 0);
  EXPECT_EQ(redis_.jobs().size(), 1U);
  EXPECT_EQ(redis_.jobs().at(0).id, id);
  EXPECT_EQ(file_.jobs().size(), 1U);
}

TEST_F(Move, AQueueThatIsNotThereIsSaid) {
  file_.add();
  for (const char* dry : {"--quiet", "--dry-run"}) {
    const Ended moved = folder_.run(words(file_, redis_, {"--queue", "defualt", "--queue", "mial", dry}));
    EXPECT_EQ(moved.code, 0);
    EXPECT_THAT(moved.out, HasSubstr("The source has no job in any of the queues defualt, mial\n"));
  }
  EXPECT_THAT(folder_.run(words(file_, redis_, {"--queue", "mial", "--json"})).out,
              HasSubstr(R"("absent_queues":["mial"])"));
  const Ended empty = folder_.run(words(file_, redis_, {"--queue", ""}));
  EXPECT_EQ(empty.code, 2);
  EXPECT_THAT(empty.err, HasSubstr("--queue is empty: name a queue, or leave it out to move all"));
}

TEST_F(Move, AQueueThatWasPausedStaysSo) {
  file_.add();
  Store::await(file_->pause("default"));
  EXPECT_EQ(folder_.run(words(file_, redis_)).code, 0);
  EXPECT_EQ(Store::await(file_->paused()), std::vector<std::string>{"default"});
}

TEST_F(Move, ADryRunChangesNothing) {
  make_family(file_);
  const Ended looked = folder_.run({"move", "--dry-run", "--from", file_.url(), "--to", "sqlite://other.db"});
  EXPECT_EQ(looked.code, 0);
  EXPECT_THAT(looked.out, HasSubstr("Would move 6 jobs"));
  expect_family(file_);
  EXPECT_FALSE(folder_.exists("other.db"));
}

TEST_F(Move, OneThatHasNotEndedIsGoneOnWithAndNotWithAnother) {
  make_family(file_);
  // What one that was killed has noted.
  const std::string note =
      R"({"version":1,"to":"redis+unix:///elsewhere","queues":[],"paused":[],"owner":"","sent_at":0})";
  ASSERT_TRUE(Store::await(file_->put_note("coterie.move", std::nullopt, note)));
  const Ended refused = folder_.run(words(file_, redis_));
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("end it first with --to redis+unix:///elsewhere"));
  EXPECT_THAT(folder_.run({"resume", "default", "--broker", file_.url()}).err,
              HasSubstr("a move from this broker"));
}

/// 6,000 jobs of 1 KiB, and a target that has room for a part of them.
class MoveToAFullPlace : public Move {
 protected:
  MoveToAFullPlace() {
    std::vector<JobSpec> specs;
    for (std::uint64_t i = 0; i < count; ++i) {
      JobSpec& spec = specs.emplace_back("noop", '"' + std::string(1000, 'x') + '"');
      spec.id = queue::new_uuid();
    }
    Store::await(file_->enqueue(std::move(specs)));
    broker_suite::administer(server_.url(), "CONFIG SET maxmemory 5mb");
    full_ = folder_.run(words(file_, redis_));
    there_ = redis_.size();
  }
  static constexpr std::uint64_t count = 6000;
  Ended full_;
  std::uint64_t there_ = 0;
};

TEST_F(MoveToAFullPlace, ItSaysWhatHasGoneAndGoesOnOnceThereIsRoom) {
  EXPECT_EQ(full_.code, 3);
  EXPECT_THAT(full_.err, AllOf(HasSubstr(" jobs moved, "), HasSubstr("still at the source"),
                               HasSubstr("coterie move --from " + file_.url() + " --to " + redis_.url()),
                               HasSubstr("coterie move --from " + redis_.url() + " --to " + file_.url())));
  EXPECT_GT(there_, 0U);
  EXPECT_LT(there_, count);
  EXPECT_GE(there_ + file_.counts()[JobState::ready], count) << "each is in at least one place";
  broker_suite::administer(server_.url(), "CONFIG SET maxmemory 0");
  EXPECT_EQ(folder_.run(words(file_, redis_)).code, 0);
  EXPECT_EQ(redis_.counts(), (std::map<JobState, std::uint64_t>{{JobState::ready, count}}));
  EXPECT_EQ(file_.size(), 0U);
}

TEST_F(MoveToAFullPlace, OneInTheOtherDirectionUndoesItAlsoWhereSomeHaveRunThere) {
  constexpr std::uint64_t ran = 100;
  for (std::uint64_t i = 0; i < ran; ++i) redis_.end(redis_.take());
  const Ended back = folder_.run(words(redis_, file_));
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(back.out, HasSubstr("is undone"));
  EXPECT_EQ(file_.counts()[JobState::ready], count - ran);
  EXPECT_EQ(redis_.counts(), (std::map<JobState, std::uint64_t>{{JobState::done, ran}}));
  EXPECT_TRUE(Store::await(file_->paused()).empty());
  EXPECT_EQ(Store::await(file_->get_note("coterie.move")), "");
}

// As where it was killed between sending and withdrawing, and a worker there was quick.
TEST_F(Move, WhatHasRunThereIsNotRunAgainByWhatUndoesIt) {
  const JobId ran = file_.add();
  JobSpec child("noop");
  child.after = {ran};
  file_.add(child);
  file_.add();
  Store::await(file_->pause("default"));
  const std::string note =
      R"({"version":1,"to":")" + redis_.url() + R"(","queues":[],"paused":[],"owner":"","sent_at":0})";
  ASSERT_TRUE(Store::await(file_->put_note("coterie.move", std::nullopt, note)));
  JobSpec sent("noop");
  sent.id = ran;
  redis_.add(sent);
  redis_.end(redis_.take());
  const Ended back = folder_.run(words(redis_, file_));
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_EQ(file_.counts(),
            (std::map<JobState, std::uint64_t>{{JobState::ready, 2}, {JobState::cancelled, 1}}));
  EXPECT_NE(file_.take().ref.id, ran);
}

TEST_F(Move, BadInputIsRefusedInOneLine) {
  file_.add();
  EXPECT_EQ(folder_.run({"move", "--from", file_.url()}).code, 2);
  EXPECT_THAT(folder_.run({"move", "--from", file_.url(), "--to", file_.url() + "?synchronous=normal"}).err,
              HasSubstr("are the same place"));
  EXPECT_THAT(folder_.run({"move", "--from", "memory://", "--to", file_.url()}).err,
              HasSubstr("--from 'memory://'"));
  EXPECT_EQ(folder_.run({"move", "--from", "sqlite://nowhere.db", "--to", file_.url()}).code, 3);
  EXPECT_EQ(file_.jobs().size(), 1U);
  EXPECT_TRUE(Store::await(file_->paused()).empty());
}

/// Workers run at both sides all the time; a job that is moved must never be given out twice.
TEST_F(Move, KilledAtAnyMomentEachJobRunsOnceAndNoneIsLost) {
  constexpr std::uint64_t count = 3000;
  constexpr std::uint64_t rounds = 12;
  std::mt19937 random(20261127);
  for (const bool to_redis : {true, false}) {
    Store& from = to_redis ? file_ : redis_;
    Store& to = to_redis ? redis_ : file_;
    std::map<std::string, int> runs;
    std::map<std::string, std::string> waits_for;
    // Each round has something to move: a kill that comes too late spoils no other.
    const auto fill = [&](Store& store) {
      std::vector<JobSpec> specs;
      for (std::uint64_t i = 0; i < count / rounds; ++i) {
        JobSpec& spec = specs.emplace_back("noop");
        spec.id = queue::new_uuid();
        if (i % 10 == 1) {
          spec.after = {specs[i - 1].id};
          waits_for[spec.id.str()] = specs[i - 1].id.str();
        }
        runs[spec.id.str()] = 0;
      }
      Store::await(store->enqueue(specs));
    };
    const auto work = [&runs, &waits_for](Store& store) {
      for (int i = 0; i < 20; ++i) {
        queue::CycleRequest request;
        request.worker.incarnation = queue::new_uuid();
        request.seq = 1;
        request.queues = {"default"};
        request.want = 20;
        const queue::CycleReply reply = Store::await(store->cycle(request));
        if (reply.leases.empty()) break;
        queue::CycleRequest answer = request;
        answer.seq = 2;
        answer.want = 0;
        for (const queue::Lease& lease : reply.leases) {
          const std::string id = lease.ref.id.str();
          ++runs[id];
          EXPECT_TRUE(!waits_for.contains(id) || runs[waits_for[id]] == 1) << id << " ran first";
          answer.done.emplace_back(lease.ref, "null");
        }
        Store::await(store->cycle(answer));
      }
    };
    int kills = 0;
    for (std::uint64_t i = 0; i < rounds; ++i) {
      fill(from);
      const std::uint64_t before = to.size();
      const pid_t pid = folder_.start(words(from, to));
      const auto more = std::uniform_int_distribution<std::uint64_t>(0, 200)(random);
      while (to.size() < before + more && !is_gone(pid)) ::sched_yield();
      ::kill(pid, SIGKILL);
      kills += folder_.wait(pid).code == 128 + SIGKILL;
      work(from);  // its workers are there, and are given nothing
      if (i % 3 == 2) work(to);
    }
    EXPECT_GE(kills, 3) << "every kill came too late to show anything";
    const Ended end = folder_.run(words(from, to));
    EXPECT_EQ(end.code, 0) << end.err;
    while (to.counts()[JobState::ready] > 0) work(to);
    for (const auto& [id, times] : runs) EXPECT_EQ(times, 1) << id;
    // What was killed before it had paused the source left its workers some.
    EXPECT_EQ(to.counts()[JobState::done] + from.counts()[JobState::done], count);
    queue::JobFilter all;
    all.limit = 100'000;
    Store::await(to->purge(all));
    Store::await(from->purge(all));
  }
}

}  // namespace
}  // namespace cli_test
