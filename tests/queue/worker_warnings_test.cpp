// What a worker's log says of its broker.
#include <gmock/gmock.h>

#include "coterie/queue/worker.hpp"
#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

Task<std::string> one(JobContext&, std::string) {
  co_return "1";
}

/// Away for its first call, with these words.
class AwayAtFirst final : public coterie::tests::ForwardingBroker {
 public:
  AwayAtFirst(std::shared_ptr<Broker> real, std::string words)
      : ForwardingBroker(std::move(real)), words_(std::move(words)) {}
  Task<CycleReply> cycle(CycleRequest request) override {
    if (!words_.empty()) throw BrokerUnavailable(std::exchange(words_, {}));
    Task<CycleReply> call = real().cycle(std::move(request));
    co_return co_await std::move(call);
  }

 private:
  std::string words_;
};

/// Has something to say, now, later than anybody waits for, or never.
class Warner final : public coterie::tests::ForwardingBroker {
 public:
  using ForwardingBroker::ForwardingBroker;
  std::function<Task<std::vector<std::string>>()> answer;
  Task<std::vector<std::string>> warnings() override { return answer(); }
};

class WorkerWarnings : public WorkerTest {
 protected:
  std::string said_of_an_absence(const std::string& words) {
    notes->warnings.clear();
    Worker worker(std::make_shared<AwayAtFirst>(broker, words), options().stop_when_idle());
    worker.handle_raw("one", one);
    run(serve(&worker));
    return notes->warnings.size() == 1 ? notes->warnings[0]
                                       : "so many lines: " + std::to_string(notes->warnings.size());
  }
};

TEST_F(WorkerWarnings, ABrokerThatIsAwayIsNamedOnce) {
  const std::string begin = "the broker does not answer, trying again: ";
  EXPECT_EQ(said_of_an_absence("memory://test: cannot connect"), begin + "memory://test: cannot connect");
  EXPECT_EQ(said_of_an_absence("the disk is full"), begin + "memory://test: the disk is full");
}

TEST_F(WorkerWarnings, WhatTheBrokerWarnsOfIsSaidWhenAWorkerStarts) {
  const auto warner = std::make_shared<Warner>(broker);
  warner->answer = []() -> Task<std::vector<std::string>> {
    std::vector<std::string> lines{"it keeps nothing", "its clock is slow"};
    co_return lines;
  };
  Worker worker(warner, options().stop_when_idle());
  worker.handle_raw("one", one);
  run(serve(&worker));
  EXPECT_EQ(notes->warnings, (std::vector<std::string>{"it keeps nothing", "its clock is slow"}));
}

TEST_F(WorkerWarnings, NoJobWaitsForABrokerThatDoesNotSayThem) {
  const auto warner = std::make_shared<Warner>(broker);
  warner->answer = []() -> Task<std::vector<std::string>> {
    co_await sleep(1h);
    co_return std::vector<std::string>{"too late"};
  };
  Worker worker(warner, options().stop_when_idle());
  worker.handle_raw("one", one);
  run(serve(&worker));
  EXPECT_EQ(notes->warnings, std::vector<std::string>());
  EXPECT_LE(loop.seconds(), 1.1);
}

TEST_F(WorkerWarnings, ABrokerThatIsAwayWhenAskedForThemIsTheFirstCallsToComplainOf) {
  const auto warner = std::make_shared<Warner>(broker);
  warner->answer = []() -> Task<std::vector<std::string>> {
    throw BrokerUnavailable("away");
    co_return std::vector<std::string>();
  };
  Worker worker(warner, options().stop_when_idle());
  worker.handle_raw("one", one);
  run(serve(&worker));
  EXPECT_EQ(notes->warnings, std::vector<std::string>());
}

}  // namespace
}  // namespace queue_tests
