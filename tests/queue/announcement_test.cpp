// How often a worker says at its broker that it is there, and how long it is believed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/queue/fleet.hpp"
#include "src/queue/remote_control.hpp"
#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

using ::testing::ElementsAre;

class ListeningBroker final : public coterie::tests::ForwardingBroker {
 public:
  ListeningBroker(coterie::testing::VirtualLoop& time, std::shared_ptr<Broker> real)
      : ForwardingBroker(std::move(real)), time_(time) {}

  std::vector<WorkerReport> reports;
  std::vector<double> times;
  int asked_for_questions = 0;
  bool away = false;

  Task<void> announce(WorkerReport report) override {
    reports.push_back(report);
    times.push_back(time_.seconds());
    if (away) throw BrokerUnavailable("away");
    Task<void> call = real().announce(std::move(report));
    co_await std::move(call);
  }
  Task<std::vector<Question>> questions(Uuid worker, Milliseconds at_most) override {
    ++asked_for_questions;
    return real().questions(worker, at_most);
  }

 private:
  coterie::testing::VirtualLoop& time_;
};

/// Its lease is half a minute.
class Announcement : public WorkerTest {
 public:
  /// Serves for so long; what `then` says happens at that time.
  void serve(Duration time, Duration at = Duration::max(), void (*then)(Announcement*) = nullptr) {
    auto ref = WorkerRef();
    ref.name = "w";
    ref.incarnation = new_uuid();
    const auto control = std::make_shared<RemoteControl>(
        heard, WorkerOptions(), ref, 1, pulse, std::make_shared<Redaction>(), [](const std::string&) {});
    loop.run([](Announcement* test, std::shared_ptr<RemoteControl> its, Duration whole, Duration when,
                void (*what)(Announcement*)) -> Task<void> {
      JoinHandle<void> serving = spawn(&RemoteControl::serve, std::move(its));
      co_await sleep(std::min(when, whole));
      if (what != nullptr) {
        what(test);
        co_await sleep(whole - when);
      }
      serving.cancel();
      (void)co_await outcome(serving);
    }(this, control, time, at, then));
  }
  void hold(std::size_t leases) {
    std::vector<Pulse::Held> list(leases);
    pulse->show(list);
  }

  std::shared_ptr<ListeningBroker> heard = std::make_shared<ListeningBroker>(loop, broker);
  std::shared_ptr<Pulse> pulse = std::make_shared<Pulse>();
};

TEST_F(Announcement, AnIdleWorkerSpeaksEveryThreeLeasesAndAsksOnceForQuestions) {
  serve(200s);
  EXPECT_THAT(heard->times, ElementsAre(0, 90, 180, 200)) << "the last is its goodbye";
  EXPECT_TRUE(heard->reports.back().ends);
  EXPECT_EQ(heard->asked_for_questions, 1);
}

TEST_F(Announcement, AWorkerThatHoldsJobsSpeaksEveryThirdOfItsLeaseAndOnceMoreWhenItHoldsNone) {
  hold(2);
  serve(55s, 25s, [](Announcement* test) { test->hold(0); });
  EXPECT_THAT(heard->times, ElementsAre(0, 10, 20, 30, 55));
  EXPECT_EQ(heard->reports[2].holds, 2U);
  EXPECT_EQ(heard->reports[3].holds, 0U);
}

TEST_F(Announcement, AnIdleWorkerThatGetsAJobSaysSoWithinAThirdOfItsLease) {
  serve(35s, 12s, [](Announcement* test) { test->hold(1); });
  EXPECT_THAT(heard->times, ElementsAre(0, 20, 30, 35));
  EXPECT_EQ(heard->reports[1].holds, 1U);
}

TEST_F(Announcement, ABrokerThatWasAwayIsToldAgain) {
  heard->away = true;
  serve(45s, 15s, [](Announcement* test) { test->heard->away = false; });
  EXPECT_THAT(heard->times, ElementsAre(0, 10, 20, 45));
}

TEST_F(Announcement, EachIsBelievedForAsLongAsItSaidAndTwoThirdsOfItsLease) {
  hold(1);
  serve(15s, 5s, [](Announcement* test) { test->hold(0); });
  EXPECT_EQ(silent_for(heard->reports[0]), 31s);
  EXPECT_EQ(silent_for(heard->reports[1]), 111s);
}

}  // namespace
}  // namespace queue_tests
