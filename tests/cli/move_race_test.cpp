// coterie move while others change the source: nobody runs before what it waits for, and nothing runs twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/run.hpp"
#include "src/cli/command.hpp"
#include "src/cli/move_work.hpp"
#include "tests/support/forwarding_broker.hpp"

namespace cli_test {
namespace {

using coterie::Task;
using coterie::cli::MoveClaim;
using coterie::cli::MoveReport;
using coterie::cli::MoveWork;
using coterie::cli::UsageError;
using testing::HasSubstr;
namespace queue = coterie::queue;
using queue::JobId;
using queue::JobSpec;
using queue::JobState;

/// Lets somebody else do something in the middle of a move, once.
class Meddled final : public coterie::tests::ForwardingBroker {
 public:
  using ForwardingBroker::ForwardingBroker;
  std::function<Task<void>()> before_blocked_are_listed;
  std::function<Task<void>()> after_enqueue;
  std::string name;

  std::string url() const override { return name; }
  Task<queue::JobPage> list(queue::JobFilter filter) override {
    if (filter.state == JobState::blocked) co_await once(before_blocked_are_listed);
    co_return co_await real().list(std::move(filter));
  }
  Task<std::vector<queue::Enqueued>> enqueue(std::vector<JobSpec> jobs) override {
    std::vector<queue::Enqueued> verdicts = co_await real().enqueue(std::move(jobs));
    co_await once(after_enqueue);
    co_return verdicts;
  }

 private:
  static Task<void> once(std::function<Task<void>()>& act) {
    const std::function<Task<void>()> now = std::exchange(act, nullptr);
    if (now) co_await now();
  }
};

class MoveRace : public testing::Test {
 protected:
  template <class T>
  static T await(Task<T> call) {
    std::optional<T> result;
    const auto body = [](Task<T> work, std::optional<T>* into) -> Task<void> {
      *into = co_await std::move(work);
    };
    EXPECT_EQ(coterie::run(body(std::move(call), &result)), 0);
    return std::move(*result);
  }
  MoveReport move(std::set<std::string> queues = {}) {
    MoveWork::Options options;
    options.claim.take_over = true;
    options.claim.queues.assign(queues.begin(), queues.end());
    options.queues = std::move(queues);
    options.quiet = true;
    MoveWork work(from_, to_, options);
    return await(work.run());
  }
  /// What it was refused with; empty: it has ended.
  static Task<std::string> refusal_of(std::shared_ptr<queue::Broker> from, std::shared_ptr<queue::Broker> to,
                                      MoveClaim claim) {
    MoveWork::Options options;
    options.claim = std::move(claim);
    options.quiet = true;
    MoveWork work(from, to, options);
    Task<MoveReport> going = work.run();
    const coterie::Outcome<MoveReport> end = co_await coterie::outcome(std::move(going));
    try {
      (void)end.get();
    } catch (const UsageError& error) {
      co_return error.what();
    }
    co_return "";
  }
  std::string moved_on(MoveClaim claim = MoveClaim()) {
    return await(refusal_of(to_, third_, std::move(claim)));
  }
  /// A move that ends where it has sent jobs and not withdrawn them.
  void be_killed_in_the_middle() {
    to_->after_enqueue = []() -> Task<void> {
      throw std::runtime_error("killed");
      co_return;
    };
    EXPECT_THROW(move(), std::runtime_error);
  }
  JobId add(JobSpec spec = JobSpec("noop")) {
    spec.id = queue::new_uuid();
    std::vector<JobSpec> one(1, spec);
    await(source_->enqueue(std::move(one)));
    return spec.id;
  }
  static JobSpec behind(const JobId& id, const std::string& queue = "default") {
    JobSpec spec("noop");
    spec.id = queue::new_uuid();
    spec.queue = queue;
    spec.after = {id};
    return spec;
  }
  /// What becomes of the source in the middle of a move.
  std::function<Task<void>()> enqueues(const JobSpec& spec) {
    return [this, spec]() -> Task<void> {
      std::vector<JobSpec> one(1, spec);
      co_await source_->enqueue(std::move(one));
    };
  }
  static std::shared_ptr<Meddled> named(std::shared_ptr<queue::Broker> real, const std::string& name) {
    auto broker = std::make_shared<Meddled>(std::move(real));
    broker->name = name;
    return broker;
  }
  static std::optional<JobState> state(queue::Broker& broker, const JobId& id) {
    const std::optional<queue::JobInfo> info = await(broker.get({id}, false)).at(0);
    return info ? std::optional(info->state) : std::nullopt;
  }
  queue::CycleRequest next(std::uint32_t want) {
    queue::CycleRequest request;
    request.worker.incarnation = incarnation_;
    request.seq = ++seq_;
    request.queues = {"default"};
    request.want = want;
    return request;
  }
  queue::LeaseRef take(queue::Broker& broker) { return await(broker.cycle(next(1))).leases.at(0).ref; }
  void end(queue::Broker& broker, const queue::LeaseRef& lease) {
    queue::CycleRequest request = next(0);
    request.done.emplace_back(lease, "null");
    await(broker.cycle(std::move(request)));
  }

  std::shared_ptr<queue::Broker> source_ = queue::open_broker("memory://");
  std::shared_ptr<queue::Broker> target_ = queue::open_broker("memory://");
  std::shared_ptr<Meddled> from_ = named(source_, "memory://source");
  std::shared_ptr<Meddled> to_ = named(target_, "memory://target");
  std::shared_ptr<Meddled> third_ = named(queue::open_broker("memory://"), "memory://third");
  queue::Uuid incarnation_ = queue::new_uuid();
  std::uint64_t seq_ = 0;
};

TEST_F(MoveRace, WhoWaitsForAJobThatFailsWhileThePlanIsMadeStaysWithIt) {
  const JobId parent = add();
  const queue::LeaseRef lease = take(*source_);
  const JobSpec child = behind(parent);
  await(source_->enqueue({child}));
  from_->before_blocked_are_listed = [&]() -> Task<void> {
    queue::CycleRequest request = next(0);
    queue::Failed failed;
    failed.lease = lease;
    failed.delay = queue::Milliseconds{0};
    request.failed.push_back(std::move(failed));
    co_await source_->cycle(std::move(request));
  };
  move();
  EXPECT_EQ(state(*source_, parent), JobState::ready);
  EXPECT_EQ(state(*source_, child.id), JobState::blocked);
  EXPECT_EQ(state(*target_, child.id), std::nullopt);
  move();
  EXPECT_EQ(state(*target_, parent), JobState::ready);
  EXPECT_EQ(state(*target_, child.id), JobState::blocked);
}

TEST_F(MoveRace, WhoComesToWaitForAJobThatIsOnItsWayFollowsIt) {
  const JobId parent = add();
  const JobSpec child = behind(parent);
  to_->after_enqueue = enqueues(child);
  const MoveReport report = move();
  EXPECT_EQ(state(*target_, parent), JobState::ready);
  EXPECT_EQ(state(*target_, child.id), JobState::blocked);
  EXPECT_EQ(state(*source_, parent), std::nullopt);
  EXPECT_EQ(state(*source_, child.id), std::nullopt);
  EXPECT_EQ(report.jobs(), 2U);
  EXPECT_EQ(report.there_already, 0U);
}

TEST_F(MoveRace, WhoWaitsInAQueueThatStaysIsSetFreeWhenTheOtherHasEndedAtTheTarget) {
  const JobId parent = add();
  const JobSpec child = behind(parent, "another");
  to_->after_enqueue = enqueues(child);
  try {
    move({"default"});
    FAIL() << "it has ended";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("job " + parent.str() + " has gone to the target"));
  }
  EXPECT_EQ(state(*source_, child.id), JobState::blocked);
  EXPECT_EQ(await(source_->paused()), std::vector<std::string>{"default"}) << "or it would run here too";
  EXPECT_THROW(move({"default"}), UsageError);
  end(*target_, take(*target_));
  EXPECT_EQ(move({"default"}).held, 0U);
  EXPECT_EQ(state(*source_, parent), JobState::cancelled);
  EXPECT_EQ(state(*source_, child.id), JobState::ready);
  EXPECT_TRUE(await(source_->paused()).empty());
}

// Each of the two has sent it, and would take it away at its own source, where the other has just brought it.
TEST_F(MoveRace, WhatIsOnItsWayIsNotMovedBackMeanwhile) {
  const JobId id = add();
  std::string refused;
  to_->after_enqueue = [&]() -> Task<void> {
    MoveClaim claim;
    refused = co_await refusal_of(to_, from_, claim);
  };
  move();
  EXPECT_THAT(refused, HasSubstr("somebody moves jobs away from the target"));
  EXPECT_THAT(refused, HasSubstr("wait for its end; if that process is gone, say --take-over"));
  EXPECT_EQ(state(*target_, id), JobState::ready);
  EXPECT_EQ(state(*source_, id), std::nullopt);
  EXPECT_TRUE(await(target_->paused()).empty());
}

// The first would send it again when it goes on, and it would run at the second's target as well.
TEST_F(MoveRace, WhatIsOnItsWayIsNotMovedOnMeanwhile) {
  const JobId id = add();
  std::string refused;
  to_->after_enqueue = [&]() -> Task<void> {
    MoveClaim claim;
    refused = co_await refusal_of(to_, third_, claim);
  };
  move();
  EXPECT_THAT(refused, HasSubstr("a move from memory://source to memory://target has not ended"));
  EXPECT_THAT(refused, HasSubstr("end that first: coterie move --from memory://source --to memory://target"));
  EXPECT_TRUE(await(target_->paused()).empty());
  EXPECT_EQ(state(*target_, id), JobState::ready);
  EXPECT_EQ(moved_on(), "");
  EXPECT_EQ(state(*third_, id), JobState::ready);
  EXPECT_EQ(state(*target_, id), std::nullopt);
}

TEST_F(MoveRace, WhatAKilledMoveHasSentIsNotMovedOnBeforeThatHasEnded) {
  const JobId id = add();
  be_killed_in_the_middle();
  EXPECT_EQ(state(*source_, id), JobState::ready);
  EXPECT_EQ(state(*target_, id), JobState::ready);
  EXPECT_THAT(moved_on(), HasSubstr("a move from memory://source to memory://target has not ended"));
  EXPECT_EQ(state(*third_, id), std::nullopt);
  move();
  EXPECT_EQ(moved_on(), "");
  EXPECT_EQ(state(*source_, id), std::nullopt);
  EXPECT_EQ(state(*target_, id), std::nullopt);
  EXPECT_EQ(state(*third_, id), JobState::ready);
}

TEST_F(MoveRace, WhatWasTakenBackStandsInNoOtherMovesWay) {
  const JobId id = add();
  be_killed_in_the_middle();
  MoveClaim claim;
  claim.take_over = true;
  EXPECT_EQ(await(refusal_of(to_, from_, claim)), "") << "it goes back to where it came from";
  EXPECT_EQ(state(*target_, id), std::nullopt);
  EXPECT_EQ(moved_on(), "");
  EXPECT_EQ(await(refusal_of(from_, third_, MoveClaim())), "");
  EXPECT_EQ(state(*third_, id), JobState::ready);
}

TEST_F(MoveRace, WhoAcceptsRerunsMovesOnWhatMayStillBeInBothPlaces) {
  const JobId id = add();
  be_killed_in_the_middle();
  MoveClaim claim;
  claim.accept_reruns = true;
  EXPECT_EQ(moved_on(claim), "");
  EXPECT_EQ(state(*third_, id), JobState::ready);
}

// Two hosts each with a server of its own: both call it by the same URL.
TEST_F(MoveRace, WhatAnotherHostCallsBySameUrlIsAnotherPlace) {
  const JobId id = add();
  be_killed_in_the_middle();
  third_->name = from_->name;
  const std::string first_on = moved_on();
  EXPECT_THAT(first_on, HasSubstr("a move from memory://source (another broker than now: its id was "));
  EXPECT_EQ(state(*third_, id), std::nullopt);
  EXPECT_EQ(await(refusal_of(third_, to_, MoveClaim())), "") << "another source, which has nothing to move";
  EXPECT_THAT(moved_on(), HasSubstr("a move from memory://source")) << "and has ended no other's move";
  third_->name = to_->name;
  EXPECT_THAT(await(refusal_of(from_, third_, MoveClaim())),
              HasSubstr("a move from there to memory://target (another broker than now: its id was "));
}

TEST_F(MoveRace, AnotherNameOfTheSamePlaceGoesOnWithItsMove) {
  const JobId id = add();
  be_killed_in_the_middle();
  from_->name = "memory://source.example";
  to_->name = "memory://target.example";
  move();
  EXPECT_EQ(state(*source_, id), std::nullopt);
  EXPECT_EQ(moved_on(), "");
  EXPECT_EQ(state(*third_, id), JobState::ready);
}

TEST_F(MoveRace, WhereAMoveWasBegunIsSaid) {
  const std::string note = R"([{"id":"one","url":"redis://127.0.0.1","host":"elsewhere.example"}])";
  ASSERT_TRUE(await(target_->put_note("coterie.move.sources", std::nullopt, note)));
  EXPECT_THAT(moved_on(),
              HasSubstr("a move from redis://127.0.0.1 (so called on host 'elsewhere.example') to "
                        "memory://target has not ended"));
  EXPECT_THAT(moved_on(), HasSubstr("end that first, on that host: coterie move --from redis://127.0.0.1"));
}

TEST_F(MoveRace, ANoteOfSourcesWithoutIdsCountsByUrl) {
  ASSERT_TRUE(await(target_->put_note("coterie.move.sources", std::nullopt, R"(["memory://source"])")));
  EXPECT_THAT(moved_on(), HasSubstr("a move from memory://source to memory://target has not ended"));
  move();
  EXPECT_EQ(moved_on(), "");
}

}  // namespace
}  // namespace cli_test
