// What a page's stream is sent, in virtual time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coterie/testing/virtual_loop.hpp"
#include "dashboard/service_support.hpp"
#include "tests/support/forwarding_broker.hpp"

namespace coterie::dashboard_test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Page final : public http::Writer {
 public:
  Task<void> write(std::string text) override {
    got += text;
    co_return;
  }
  [[nodiscard]] int count(const std::string& part) const {
    int found = 0;
    for (std::size_t at = got.find(part); at != std::string::npos; at = got.find(part, at + 1)) ++found;
    return found;
  }
  std::string got;
};

Task<void> follow(World* world, std::string topics, std::string last, Page* page) {
  http::Request asked = request("GET", "/api/v1/events?topics=" + topics);
  if (!last.empty()) asked.headers.add("Last-Event-ID", last);
  Task<http::Response> asking = world->ask(std::move(asked));
  const http::Response response = co_await std::move(asking);
  Task<void> streaming = response.stream(*page);
  co_await std::move(streaming);
}

Task<void> watch(World* world) {
  return world->service.monitor().run();
}

template <class Body>
void in_a_world(Body body) {
  coterie::testing::VirtualLoop loop;
  loop.run([](Body* what) -> Task<void> {
    World world;
    const JoinHandle<void> watching = spawn(watch, &world);
    Task<void> doing = (*what)(world);
    co_await std::move(doing);
    watching.cancel();
    (void)co_await outcome(watching.wait());
  }(&body));
}

/// Answers nothing while it is away.
class Fickle final : public tests::ForwardingBroker {
 public:
  explicit Fickle(bool is_away) : ForwardingBroker(queue::open_broker("memory://")), away(is_away) {}
  bool away;
  Task<std::optional<std::string>> get_note(std::string key) override {
    if (away) throw queue::BrokerUnavailable("gone");
    Task<std::optional<std::string>> asking = real().get_note(std::move(key));
    co_return co_await std::move(asking);
  }
  Task<std::uint64_t> version() override {
    if (away) throw queue::BrokerUnavailable("gone");
    Task<std::uint64_t> asking = real().version();
    co_return co_await std::move(asking);
  }
};

Task<void> broker_goes_and_comes(bool away_at_first) {
  const auto broker = std::make_shared<Fickle>(away_at_first);
  World world({}, broker);
  const JoinHandle<void> watching = spawn(watch, &world);
  co_await sleep(1500ms);
  broker->away = true;
  co_await sleep(1500ms);
  const std::string away = co_await world.text("GET", "/api/v1/overview");
  EXPECT_THAT(away, AllOf(StartsWith("503 "), HasSubstr("broker_unavailable")));
  Page page;
  const JoinHandle<void> following =
      spawn(follow, &world, std::string("overview,jobs"), std::string(), &page);
  co_await sleep(3s);
  EXPECT_THAT(page.got, Not(HasSubstr("event:"))) << "of before";
  broker->away = false;
  co_await sleep(1500ms);
  EXPECT_GE(page.count("event: overview"), 1);
  const std::string back = co_await world.text("GET", "/api/v1/overview");
  EXPECT_THAT(back, StartsWith("200 "));
  following.cancel();
  (void)co_await outcome(following.wait());
  watching.cancel();
  (void)co_await outcome(watching.wait());
}

TEST(DashboardEvents, WhileTheBrokerIsAwayNothingIsToldOfBefore) {
  for (const bool away_at_first : {false, true})
    coterie::testing::VirtualLoop().run(broker_goes_and_comes(away_at_first));
}

/// "warning the broker does not answer broker=… reason=…"
class Lines final : public LogSink {
 public:
  void write(const LogRecord& record) override {
    std::string line = std::string(to_string(record.level)) + " " + std::string(record.message);
    for (const LogField& field : record.fields) line += " " + field.name + "=" + field.value;
    said.push_back(std::move(line));
  }
  std::vector<std::string> said;
};

Task<void> broker_goes_twice(bool away_at_first, std::shared_ptr<Lines> log) {
  const auto broker = std::make_shared<Fickle>(away_at_first);
  dashboard::DashboardOptions options;
  options.log = log;
  World world(options, broker);
  const JoinHandle<void> watching = spawn(watch, &world);
  for (int i = 0; i < 2; ++i) {
    co_await sleep(1500ms);
    broker->away = true;
    co_await sleep(10s);
    for (int request = 0; request < 3; ++request) (void)co_await world.text("GET", "/api/v1/overview");
    broker->away = false;
    co_await sleep(10s);
  }
  watching.cancel();
  (void)co_await outcome(watching.wait());
}

TEST(DashboardEvents, ThatTheBrokerWentAwayAndCameBackIsALineEach) {
  for (const bool away_at_first : {false, true}) {
    const auto log = std::make_shared<Lines>();
    coterie::testing::VirtualLoop().run(broker_goes_twice(away_at_first, log));
    const auto away = "warning the broker does not answer broker=memory:// reason=gone";
    const auto back = StartsWith("info the broker answers again broker=memory:// away_ms=1");
    EXPECT_THAT(log->said, ElementsAre(away, back, away, back)) << away_at_first;
  }
}

TEST(DashboardEvents, ManyChangesAreOneEventASecondOfEachTopic) {
  in_a_world([](World& world) -> Task<void> {
    Page page;
    const JoinHandle<void> following =
        spawn(follow, &world, std::string("overview,jobs"), std::string(), &page);
    co_await sleep(1500ms);
    page.got.clear();
    for (int i = 0; i < 200; ++i) {
      (void)co_await world.add("send");
      co_await sleep(10ms);
    }
    EXPECT_EQ(page.count("event: overview"), 2);
    EXPECT_EQ(page.count("event: jobs"), 2);
    following.cancel();
    (void)co_await outcome(following.wait());
  });
}

TEST(DashboardEvents, WhoHasTheNewestIsSentNothingAndWhoWasAwayThat) {
  in_a_world([](World& world) -> Task<void> {
    (void)co_await world.add("send");
    co_await sleep(2500ms);
    const std::string newest = std::to_string(world.service.monitor().sequence());
    Page has_it;
    Page was_away;
    Page of_another_process;
    const JoinHandle<void> first = spawn(follow, &world, std::string("overview"), newest, &has_it);
    const JoinHandle<void> second =
        spawn(follow, &world, std::string("overview"), std::string("1"), &was_away);
    const JoinHandle<void> third =
        spawn(follow, &world, std::string("overview"), std::string("999999"), &of_another_process);
    co_await sleep(100ms);
    EXPECT_THAT(has_it.got, Not(HasSubstr("event:")));
    EXPECT_EQ(was_away.count("event: overview"), 1);
    EXPECT_THAT(was_away.got, HasSubstr("id: " + newest + "\n"));
    EXPECT_EQ(of_another_process.count("event: overview"), 1);
    for (const JoinHandle<void>* one : {&first, &second, &third}) {
      JoinHandle<void> handle = *one;
      handle.cancel();
      (void)co_await outcome(handle.wait());
    }
  });
}

}  // namespace
}  // namespace coterie::dashboard_test
