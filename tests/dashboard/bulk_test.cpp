// Many jobs are changed in steps: each once, also where a step ends in the middle, and what was done is
// written down whatever happens.
#include "src/dashboard/bulk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "coterie/sleep.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "dashboard/service_support.hpp"
#include "tests/support/forwarding_broker.hpp"

namespace coterie::dashboard_test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t many = dashboard::step_jobs + 300;

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

Task<void> fill(std::shared_ptr<queue::Broker> broker, std::size_t jobs, std::string queue = "default") {
  std::vector<queue::JobSpec> specs(jobs);
  for (queue::JobSpec& spec : specs) {
    spec.id = queue::new_uuid();
    spec.name = "send";
    spec.queue = queue;
  }
  co_await broker->enqueue(std::move(specs));
}

/// The cursor of an answer, for the next request.
std::string next_of(const std::string& answer) {
  const std::string key = "\"next\":\"";
  const std::size_t at = answer.find(key);
  if (at == std::string::npos) return "";
  return answer.substr(at + key.size(), answer.find('"', at + key.size()) - at - key.size());
}

/// What stands behind a member of that name.
std::string member(const std::string& line, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const std::size_t at = line.find(key);
  if (at == std::string::npos) return "";
  return line.substr(at + key.size(), line.find('"', at + key.size()) - at - key.size());
}

Task<void> in_steps() {
  World world;
  co_await fill(world.broker, many);
  co_await world.take("busy", 50);  // they go on although they are cancelled
  const std::string body = R"({"filter":"queue:default","most":)";
  const std::string first = co_await world.text("POST", "/api/v1/cancel", body + number(many) + "}");
  EXPECT_THAT(first, StartsWith(R"(200 {"matched":2000,"changed":2000,"next":")"));
  const std::string rest = body + "300,\"after\":\"" + next_of(first) + "\"}";
  const std::string second = co_await world.text("POST", "/api/v1/cancel", rest);
  EXPECT_EQ(second, R"(200 {"matched":300,"changed":300,"next":null})")
      << "those that run match still, and are not cancelled twice";
  const std::string left = co_await world.text("GET", "/api/v1/count?filter=state:ready");
  EXPECT_THAT(left, HasSubstr("\"count\":0"));
  EXPECT_THAT(world.audit, ElementsAre(HasSubstr("\"count\":2000"), HasSubstr("\"count\":300")));
}
TEST(DashboardBulk, AFilterIsWorkedThroughInStepsAndEachJobOnce) {
  run(in_steps());
}

Task<void> drained_and_forgotten() {
  World world;
  co_await fill(world.broker, many, "mail");
  const std::string drain = "/api/v1/queues/mail/drain";
  const std::string first = co_await world.text("POST", drain, R"({"most":9000})");
  EXPECT_EQ(first, R"(200 {"matched":2000,"changed":2000,"next":"0"})");
  const std::string second = co_await world.text("POST", drain, R"({"most":7000,"after":"0"})");
  EXPECT_EQ(second, R"(200 {"matched":300,"changed":300,"next":null})");
  const std::string cancelled = R"({"filter":"state:cancelled","most":)";
  const std::string gone = co_await world.text("POST", "/api/v1/purge", cancelled + "2100}");
  EXPECT_EQ(gone, R"(200 {"matched":2000,"changed":2000,"next":"0"})");
  const std::string last = co_await world.text("POST", "/api/v1/purge", cancelled + "100,\"after\":\"0\"}");
  EXPECT_EQ(last, R"(200 {"matched":100,"changed":100,"next":null})") << "no more than were counted";
  const std::string wrong = co_await world.text("POST", drain, R"({"most":1,"after":"there"})");
  EXPECT_THAT(wrong, AllOf(StartsWith("400 "), HasSubstr("after is what the answer before has as next")));
}
TEST(DashboardBulk, DrainingAndForgettingGoOnUntilNothingIsLeft) {
  run(drained_and_forgotten());
}

Task<void> counted_in_parts() {
  World world;
  co_await fill(world.broker, 25);
  const std::string page = co_await world.text("GET", "/api/v1/jobs?limit=10&order=oldest&filter=name:send");
  const std::string rest =
      co_await world.text("GET", "/api/v1/count?filter=name:send&after=" + next_of(page));
  EXPECT_EQ(rest, R"(200 {"count":15,"bounded":false,"next":null})");
}
TEST(DashboardBulk, ANumberIsCountedOnFromWhereItWasCutShort) {
  run(counted_in_parts());
}

/// Cancelling takes 400 ms a call, and the broker goes away before the call numbered `away`.
class Slow final : public tests::ForwardingBroker {
 public:
  explicit Slow(int away) : ForwardingBroker(queue::open_broker("memory://")), away_(away) {}
  Task<std::vector<queue::CancelResult>> cancel(std::vector<queue::JobId> ids) override {
    co_await sleep(400ms);
    if (++calls_ == away_) throw queue::BrokerUnavailable("it is away");
    Task<std::vector<queue::CancelResult>> cancelling = ForwardingBroker::cancel(std::move(ids));
    co_return co_await std::move(cancelling);
  }

 private:
  int away_;
  int calls_ = 0;
};

dashboard::Counted counted(std::uint64_t most) {
  dashboard::Counted jobs;
  jobs.most = most;
  return jobs;
}

Task<void> slowly() {
  const auto broker = std::make_shared<Slow>(0);
  co_await fill(broker, 1000);
  dashboard::Step step;
  Task<void> work = dashboard::change_matching(broker, dashboard::Filter::parse("name:send"),
                                               dashboard::Change::cancel, 0, counted(1000), &step);
  co_await std::move(work);
  EXPECT_EQ(step.matched, 600U);
  EXPECT_TRUE(step.next);
}
TEST(DashboardBulk, AStepOnASlowBrokerEndsAfterASecond) {
  coterie::testing::VirtualLoop loop;
  loop.run(slowly());
}

/// What the audit log has of a request in whose middle the broker went away.
Task<void> cut_short(std::shared_ptr<queue::Broker> broker, http::Request what,
                     std::vector<std::string>* audit) {
  dashboard::DashboardOptions options;
  options.audit = [audit](std::string_view line) { audit->emplace_back(line); };
  dashboard::Service service(std::move(broker), options);
  Task<http::Response> asking = service.answer(std::move(what));
  const http::Response response = co_await std::move(asking);
  EXPECT_EQ(response.status, 503);
}

Task<void> in_the_second_part(std::vector<std::string>* audit) {
  const auto broker = std::make_shared<Slow>(2);
  co_await fill(broker, 1000);
  Task<void> cutting =
      cut_short(broker, request("POST", "/api/v1/cancel", R"({"filter":"name:send","most":1000})"), audit);
  co_await std::move(cutting);
}
TEST(DashboardBulk, WhatWasDoneBeforeTheBrokerWentAwayIsWrittenDown) {
  std::vector<std::string> audit;
  coterie::testing::VirtualLoop loop;
  loop.run(in_the_second_part(&audit));
  EXPECT_THAT(audit, ElementsAre(AllOf(HasSubstr(R"("action":"cancel")"), HasSubstr("\"count\":200"))));
}

/// A number of an answer.
std::int64_t number_in(const std::string& answer, const std::string& name) {
  const std::string key = "\"" + name + "\":";
  return std::stoll(answer.substr(answer.find(key) + key.size()));
}

/// Three are counted, two of them go, and two others come: one is cancelled.
Task<void> others_come(std::string path, std::string whose) {
  World world;
  co_await fill(world.broker, 3, "mail");
  const std::string count = co_await world.text("GET", "/api/v1/count?filter=queue:mail");
  EXPECT_THAT(count, HasSubstr("\"count\":3,"));
  const queue::UnixMillis at = number_in(count, "counted_at_ms");
  const std::string two = R"({"filter":"queue:mail","most":2})";
  const std::string went = co_await world.text("POST", "/api/v1/cancel", two);
  EXPECT_THAT(went, HasSubstr("\"changed\":2"));
  for (queue::UnixMillis newest = at; newest <= at;) {
    co_await fill(world.broker, 1, "other");
    newest = co_await dashboard::newest_at(world.broker);
  }
  co_await fill(world.broker, 2, "mail");
  const std::string rest = "{" + whose + R"("most":3,"counted_at_ms":)" + std::to_string(at) + "}";
  const std::string done = co_await world.text("POST", path, rest);
  EXPECT_EQ(done, R"(200 {"matched":1,"changed":1,"next":null})");
  const std::string left = co_await world.text("GET", "/api/v1/count?filter=queue:mail%20state:ready");
  EXPECT_THAT(left, HasSubstr("\"count\":2,"));
}
TEST(DashboardBulk, WhatWasEnqueuedAfterTheCountIsNotTouched) {
  run(others_come("/api/v1/cancel", R"("filter":"queue:mail",)"));
}
TEST(DashboardBulk, DrainingTouchesNothingThatWasEnqueuedAfterTheCount) {
  run(others_come("/api/v1/queues/mail/drain", ""));
}

/// It does what it is told, and its answer is lost.
class Mute final : public tests::ForwardingBroker {
 public:
  Mute() : ForwardingBroker(queue::open_broker("memory://")) {}
  Task<std::vector<queue::CancelResult>> cancel(std::vector<queue::JobId> ids) override {
    Task<std::vector<queue::CancelResult>> cancelling = ForwardingBroker::cancel(std::move(ids));
    (void)co_await std::move(cancelling);
    throw queue::BrokerUnavailable("its answer was lost");
  }
};

Task<void> unheard(std::vector<std::string>* audit) {
  const auto broker = std::make_shared<Mute>();
  co_await fill(broker, 1);
  const queue::JobPage page = co_await broker->list({});
  const std::string cancel = "/api/v1/jobs/" + page.jobs.at(0).id.str() + "/cancel";
  Task<void> cutting = cut_short(broker, request("POST", cancel, "{}"), audit);
  co_await std::move(cutting);
}
TEST(DashboardBulk, AChangeWhoseAnswerIsLostIsWrittenDown) {
  std::vector<std::string> audit;
  coterie::testing::VirtualLoop loop;
  loop.run(unheard(&audit));
  EXPECT_THAT(audit,
              ElementsAre(AllOf(HasSubstr(R"("action":"cancel")"), HasSubstr(R"("outcome":"unknown")"))));
}

Task<void> cloned_when_it_had_ended() {
  World world;
  queue::JobSpec spec("send", "1");
  spec.headers = {{"tenant", "acme"}};
  Task<queue::JobId> adding = world.client.enqueue(std::move(spec));
  const queue::JobId id = co_await std::move(adding);
  std::vector<queue::JobId> ids{id};
  (void)co_await world.broker->cancel(std::move(ids));
  const std::string copy = co_await world.text("POST", "/api/v1/jobs/" + id.str() + "/clone", "{}");
  const std::string shown = co_await world.text("GET", "/api/v1/jobs/" + member(copy, "id"));
  EXPECT_THAT(shown, HasSubstr(R"("tenant":"acme")"));
}
TEST(DashboardBulk, ACloneOfWhatHasEndedKeepsItsHeaders) {
  run(cloned_when_it_had_ended());
}

/// Its jobs become ready behind the first look at what is.
class DueLater final : public tests::ForwardingBroker {
 public:
  DueLater() : ForwardingBroker(queue::open_broker("memory://")) {}
  Task<queue::JobPage> list(queue::JobFilter filter) override {
    if (std::exchange(first_, false)) return none();
    return ForwardingBroker::list(std::move(filter));
  }

 private:
  static Task<queue::JobPage> none() { co_return queue::JobPage(); }
  bool first_ = true;
};

Task<void> drained_of_what_became_due() {
  const auto broker = std::make_shared<DueLater>();
  co_await fill(broker, 3, "mail");
  dashboard::Step step;
  Task<void> work = dashboard::drain(broker, "mail", counted(3), &step);
  co_await std::move(work);
  EXPECT_EQ(step.changed, 3U);
}
TEST(DashboardBulk, DrainingFindsWhatBecameReadyOnTheWay) {
  run(drained_of_what_became_due());
}

Task<void> changed_by_ids() {
  World world;
  const std::string one = co_await world.add("send");
  const std::string other = co_await world.add("send");
  std::string body = R"({"ids":[")" + one + R"(",")" + other + R"("]})";
  const std::string done = co_await world.text("POST", "/api/v1/cancel", std::move(body));
  EXPECT_THAT(done, StartsWith("200 "));
  EXPECT_THAT(world.audit.back(),
              AllOf(HasSubstr(R"("target":")" + one + ' ' + other + '"'), HasSubstr(R"("count":2)")));
}
TEST(DashboardBulk, TheAuditNamesEachJobThatWasChosen) {
  run(changed_by_ids());
}

std::string listed(const std::vector<std::string>& ids, const std::string& between) {
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "" : between) + id;
  return text;
}

Task<void> many_ids() {
  World world;
  std::vector<std::string> ids;
  for (int i = 0; i < 250; ++i) ids.push_back(co_await world.add("send"));
  std::string body = "{\"ids\":[\"" + listed(ids, "\",\"") + "\"]}";
  const std::string done = co_await world.text("POST", "/api/v1/cancel", std::move(body));
  EXPECT_EQ(done, R"(200 {"matched":250,"changed":250,"next":null})");
  EXPECT_THAT(world.audit,
              ElementsAre(HasSubstr("\"count\":100"), HasSubstr("\"count\":100"), HasSubstr("\"count\":50")));
  std::vector<std::string> named;
  for (const std::string& line : world.audit) {
    EXPECT_LT(line.size(), 4096U);
    EXPECT_EQ(member(line, "request"), member(world.audit.front(), "request"));
    named.push_back(member(line, "target"));
  }
  EXPECT_NE(member(world.audit.front(), "request"), "");
  EXPECT_EQ(listed(named, " "), listed(ids, " ")) << "none is left out";
}
TEST(DashboardBulk, ManyIdsAreSeveralLinesOfTheAuditThatBelongTogether) {
  run(many_ids());
}

Task<void> ids_cut_short(std::vector<std::string>* audit) {
  const auto broker = std::make_shared<Slow>(2);
  std::vector<queue::JobSpec> specs(150);
  std::vector<std::string> ids;
  for (queue::JobSpec& spec : specs) {
    spec.id = queue::new_uuid();
    spec.name = "send";
    ids.push_back(spec.id.str());
  }
  co_await broker->enqueue(std::move(specs));
  dashboard::DashboardOptions options;
  options.audit = [audit](std::string_view line) { audit->emplace_back(line); };
  dashboard::Service service(broker, options);
  const std::string body = "{\"ids\":[\"" + listed(ids, "\",\"") + "\"]}";
  Task<http::Response> asking = service.answer(request("POST", "/api/v1/cancel", body));
  const http::Response response = co_await std::move(asking);
  EXPECT_EQ(response.status, 503);
}
TEST(DashboardBulk, OfManyIdsItIsWrittenDownHowManyWereChangedBeforeTheBrokerWentAway) {
  std::vector<std::string> audit;
  coterie::testing::VirtualLoop loop;
  loop.run(ids_cut_short(&audit));
  EXPECT_THAT(audit, ElementsAre(HasSubstr("\"count\":100"), HasSubstr("\"count\":0")));
}

}  // namespace
}  // namespace coterie::dashboard_test
