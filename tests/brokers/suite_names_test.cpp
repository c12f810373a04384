// A worker is given only what it has a handler for, in one order with everything else.
#include <gmock/gmock.h>

#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Names = std::vector<std::string>;

CycleRequest ask(TestWorker& worker, std::uint32_t want, Names names) {
  CycleRequest request = worker.next(want);
  request.names = std::move(names);
  return request;
}
Names names_of(const CycleReply& reply) {
  Names names;
  for (const Lease& lease : reply.leases) names.push_back(lease.name);
  return names;
}

TEST_P(BrokerSuite, AWorkerIsGivenOnlyJobsThatItHasAHandlerFor) {
  enqueue({job("a"), job("b"), job("c"), job("b")});
  TestWorker worker;
  EXPECT_THAT(names_of(cycle(ask(worker, 10, {"b", "unheard of"}))), ElementsAre("b", "b"));
  EXPECT_EQ(count(JobState::ready), 2U);
  EXPECT_THAT(names_of(cycle(ask(worker, 10, {}))), ElementsAre("a", "c")) << "no names: any";
}

TEST_P(BrokerSuite, JobsOfAllNamesStandInOneOrder) {
  if (!global_order()) GTEST_SKIP() << "each shard has an order of its own";
  const auto add = [this](const char* name, int priority) {
    JobSpec spec = job(name);
    spec.priority = priority;
    enqueue_one(spec);
  };
  add("b", 0), add("a", 0), add("other", 9), add("a", 5), add("b", 5), add("a", 0), add("b", 0);
  TestWorker worker;
  EXPECT_THAT(names_of(cycle(ask(worker, 3, {"a", "b"}))), ElementsAre("a", "b", "b"));
  EXPECT_THAT(names_of(cycle(ask(worker, 9, {"a", "b"}))), ElementsAre("a", "a", "b"));
}

TEST_P(BrokerSuite, ABacklogThatAWorkerHasNoHandlerForHidesNothingFromIt) {
  std::vector<JobSpec> backlog;
  for (int i = 0; i < 5000; ++i) {
    backlog.push_back(job("foreign"));
    backlog.back().priority = 10;
  }
  enqueue(backlog);
  enqueue_one(job("mine"));
  TestWorker worker;
  EXPECT_THAT(names_of(cycle(ask(worker, 5, {"mine"}))), ElementsAre("mine"));
}

TEST_P(BrokerSuite, AReplyTellsWhichNamesNobodyHereHandles) {
  enqueue({job("a"), job("b"), job("c")});
  TestWorker worker;
  EXPECT_THAT(cycle(ask(worker, 0, {"a"})).unhandled, IsEmpty()) << "it wants nothing";
  EXPECT_THAT(cycle(ask(worker, 1, {"a"})).unhandled, IsEmpty()) << "it got what it wanted";
  EXPECT_THAT(cycle(ask(worker, 1, {"a"})).unhandled, testing::UnorderedElementsAre("b", "c"));
  EXPECT_THAT(cycle(ask(worker, 9, {})).unhandled, IsEmpty());
  std::vector<JobSpec> many;
  many.reserve(100);
  for (int i = 0; i < 100; ++i) many.push_back(job("name " + std::to_string(i)));
  enqueue(many);
  EXPECT_EQ(cycle(ask(worker, 1, {"a"})).unhandled.size(), unhandled_told);
}

TEST_P(BrokerSuite, ASuspectIsCountedAndGivenOnlyWhereThereIsAHandler) {
  const JobId poison = enqueue_one(job("poison"));
  crash(poison);
  crash(poison);
  enqueue_one(job("other"));
  TestWorker worker;
  EXPECT_EQ(cycle(ask(worker, 0, {"other"})).suspects, 0U);
  EXPECT_EQ(cycle(ask(worker, 0, {"poison"})).suspects, 1U);
  CycleRequest request = ask(worker, 5, {"other"});
  request.alone = true;
  EXPECT_THAT(names_of(cycle(request)), ElementsAre("other"));
  request = ask(worker, 5, {"other", "poison"});
  request.alone = true;
  EXPECT_THAT(names_of(cycle(request)), ElementsAre("poison"));
}

TEST_P(BrokerSuite, JobsThatAreTooLateAreNotGivenInAnyStream) {
  // More of them than one call expires by itself.
  std::vector<JobSpec> jobs;
  for (int i = 0; i < 6000; ++i) {
    jobs.push_back(job(i % 2 == 0 ? "a" : "b"));
    jobs.back().expires_at = clock_.wall() + 1000;
  }
  enqueue(jobs);
  enqueue({job("a"), job("b")});
  clock_.advance(2s);
  TestWorker worker;
  Names got;
  for (int i = 0; i < 20 && got.size() < 2; ++i)
    for (const std::string& name : names_of(cycle(ask(worker, 10, {"a", "b"})))) got.push_back(name);
  EXPECT_THAT(got, ElementsAre("a", "b"));
}

TEST_P(BrokerSuite, NamesAreSortedAndEachOnce) {
  TestWorker worker;
  const auto refusal = [&](Names names) -> std::string {
    try {
      cycle(ask(worker, 1, std::move(names)));
    } catch (const BadRequest& error) {
      return error.what();
    }
    return "(accepted)";
  };
  EXPECT_EQ(refusal({"b", "a"}), "names: they must be sorted, each once");
  EXPECT_EQ(refusal({"a", "a"}), "names: they must be sorted, each once");
  EXPECT_THAT(refusal({"", "a"}), HasSubstr("names: it is empty"));
  EXPECT_THAT(refusal(Names(names_per_cycle + 1, "a")), HasSubstr("1024"));
}

}  // namespace
}  // namespace broker_suite
