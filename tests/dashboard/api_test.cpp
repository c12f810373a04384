// What the API tells and does, on a broker in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "dashboard/service_support.hpp"

namespace coterie::dashboard_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// The value of a string member, the first of that name.
std::string member(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const std::size_t at = json.find(key);
  if (at == std::string::npos) return "";
  return json.substr(at + key.size(), json.find('"', at + key.size()) - at - key.size());
}

/// The values of all string members of that name.
std::vector<std::string> members(const std::string& json, const std::string& name) {
  std::vector<std::string> values;
  const std::string key = "\"" + name + "\":\"";
  for (std::size_t at = json.find(key); at != std::string::npos; at = json.find(key, at + 1))
    values.push_back(json.substr(at + key.size(), json.find('"', at + key.size()) - at - key.size()));
  return values;
}

Task<void> exact() {
  World world;
  const std::string id =
      co_await world.add("send", R"({"n":9007199254740993,"x":1.50,"s":"<img onerror=1>"})");
  const std::string text = co_await world.text("GET", "/api/v1/jobs/" + id);
  EXPECT_THAT(text,
              AllOf(StartsWith("200 "),
                    HasSubstr(R"("args":"{\"n\":9007199254740993,\"x\":1.50,\"s\":\"<img onerror=1>\"}")")));
  Task<http::Response> asking = world.ask(request("GET", "/api/v1/jobs/" + id + "/args"));
  const http::Response whole = co_await std::move(asking);
  EXPECT_EQ(whole.body, R"({"n":9007199254740993,"x":1.50,"s":"<img onerror=1>"})");
  EXPECT_EQ(whole.headers.get("Content-Type"), "application/octet-stream");
  EXPECT_THAT(std::string(whole.headers.get("Content-Disposition")), StartsWith("attachment;"));
}
TEST(DashboardApi, ArgumentsAreTheTextThatWasEnqueued) {
  run(exact());
}

Task<void> cut() {
  World world;
  const std::string id = co_await world.add("big", "\"" + std::string(70'000, 'x') + "\"");
  const std::string text = co_await world.text("GET", "/api/v1/jobs/" + id);
  EXPECT_LT(text.size(), 67'000U);
  EXPECT_THAT(text, HasSubstr("\"args_bytes\":70002"));
}
TEST(DashboardApi, LongArgumentsAreCutAndItSaysSo) {
  run(cut());
}

Task<void> long_errors() {
  World world;
  const std::string id = co_await world.add("send");
  co_await world.fail_next("w", queue::JobError("error", std::string(50'000, 'x')));
  const std::string row = co_await world.text("GET", "/api/v1/jobs?filter=state:dead");
  EXPECT_LT(row.size(), 2'000U) << "a page of 200 would be 10 MB";
  const std::string whole = co_await world.text("GET", "/api/v1/jobs/" + id);
  EXPECT_THAT(whole, HasSubstr(std::string(50'000, 'x')));
}
TEST(DashboardApi, AListHasTheBeginningOfAnErrorAndTheJobAllOfIt) {
  run(long_errors());
}

Task<void> many_queues() {
  World world;
  const std::size_t queues = dashboard::Monitor::most_rows + 5;
  for (std::size_t i = 0; i < queues; ++i)
    (void)co_await world.add("send", "null", "queue" + std::to_string(i));
  const JoinHandle<void> watching =
      spawn([](World* w) -> Task<void> { return w->service.monitor().run(); }, &world);
  while (world.service.monitor().sequence() < 1) co_await yield();
  const std::string text = co_await world.text("GET", "/api/v1/overview");
  EXPECT_EQ(members(text, "name").size(), dashboard::Monitor::most_rows);
  EXPECT_THAT(text, AllOf(HasSubstr("\"queues_left_out\":5,"), HasSubstr("\"ready\":1005,")));
  watching.cancel();
  (void)co_await outcome(watching.wait());
}
TEST(DashboardApi, AnOverviewNamesAThousandQueuesAndCountsAll) {
  run(many_queues());
}

Task<void> pages() {
  World world;
  std::vector<std::string> ids;
  for (int i = 0; i < 25; ++i)
    ids.push_back(
        co_await world.add(i % 5 == 0 ? "fifth" : "other", "{\"i\":" + std::to_string(i % 2) + "}"));
  for (const std::string filter : {"", "filter=name:other&", "filter=args.i:1&"}) {
    for (const std::string order : {"oldest", "newest"}) {
      std::vector<std::string> expected;
      for (std::size_t i = 0; i < ids.size(); ++i)
        if (filter.empty() || (filter.find("name") != std::string::npos ? i % 5 != 0 : i % 2 == 1))
          expected.push_back(ids[i]);
      if (order == "newest") std::reverse(expected.begin(), expected.end());
      const std::string target = "/api/v1/jobs?limit=3&" + filter + "order=" + order;
      std::vector<std::string> seen;
      std::string next = "0";
      while (!next.empty()) {
        const std::string text = co_await world.text("GET", target + "&after=" + next);
        EXPECT_THAT(text, StartsWith("200 "));
        const std::vector<std::string> on_page = members(text, "id");
        EXPECT_LE(on_page.size(), 3U);
        seen.insert(seen.end(), on_page.begin(), on_page.end());
        next = member(text, "next");
      }
      EXPECT_EQ(seen, expected) << target;
    }
  }
  const std::string wrong = co_await world.text("GET", "/api/v1/jobs?order=worst");
  EXPECT_THAT(wrong, AllOf(StartsWith("400 "), HasSubstr("order is oldest or newest")));
}
TEST(DashboardApi, PagesGiveEachJobOnceAlsoWhereMostDoNotMatch) {
  run(pages());
}

Task<void> few() {
  World world;
  const std::string first = co_await world.add("a");
  const std::string second = co_await world.add("b");
  (void)co_await world.text("POST", "/api/v1/jobs/" + second + "/cancel", "{}");
  const std::string one = co_await world.text("GET", "/api/v1/jobs?filter=state:cancelled");
  EXPECT_THAT(one, AllOf(HasSubstr(second), Not(HasSubstr(first)), HasSubstr("\"next\":null")));
  const std::string none = co_await world.text("GET", "/api/v1/jobs?filter=state:dead");
  EXPECT_THAT(none, AllOf(HasSubstr(R"("jobs":[],"next":null)"), HasSubstr(R"("bounded":false)")));
  http::Request asked = request("GET", "/api/v1/jobs");
  asked.query.emplace_back("filter", "state:ready queue:other");
  Task<http::Response> asking = world.ask(asked);
  const http::Response other = co_await std::move(asking);
  EXPECT_THAT(other.body, HasSubstr("\"jobs\":[]"));
}
TEST(DashboardApi, FewJobsOfAStateAreAllOnTheFirstPage) {
  run(few());
}

Task<void> refused() {
  World world;
  for (const std::string target :
       {"/api/v1/jobs?limit=201", "/api/v1/jobs?limit=0", "/api/v1/jobs?after=-1",
        "/api/v1/jobs?filter=state:lost", "/api/v1/jobs/abc", "/api/v1/history?range=1y",
        "/api/v1/events?topics=all", "/api/v1/events"}) {
    const std::string text = co_await world.text("GET", target);
    EXPECT_THAT(text, StartsWith("400 {\"error\":")) << target;
  }
  const std::string unknown = co_await world.text("GET", "/api/v1/jobs/01a21cd7-07b3-76ec-92a3-1e8fa136fc9f");
  EXPECT_THAT(unknown, StartsWith("404 "));
  const std::string nowhere = co_await world.text("GET", "/api/v1/nothing");
  EXPECT_THAT(nowhere, StartsWith("404 {\"error\":"));
  const std::string method = co_await world.text("DELETE", "/api/v1/jobs");
  EXPECT_THAT(method, StartsWith("405 "));
}
TEST(DashboardApi, WhatIsWrongIsSaidAsAnError) {
  run(refused());
}

Task<void> one_job() {
  World world;
  const std::string id = co_await world.add("send");
  const std::string early = co_await world.text("POST", "/api/v1/jobs/" + id + "/retry", "{}");
  EXPECT_THAT(early, StartsWith("409 "));
  const std::string cancelled = co_await world.text("POST", "/api/v1/jobs/" + id + "/cancel", "{}");
  EXPECT_THAT(cancelled, HasSubstr("\"result\":\"cancelled\""));
  const std::string retried = co_await world.text("POST", "/api/v1/jobs/" + id + "/retry", "{}");
  EXPECT_THAT(retried, HasSubstr("\"retried\":true"));
  const std::string now = co_await world.text("GET", "/api/v1/jobs/" + id);
  EXPECT_THAT(now, HasSubstr("\"state\":\"ready\""));
  EXPECT_THAT(world.audit, ElementsAre(HasSubstr(R"("action":"retry")"), HasSubstr(R"("action":"cancel")"),
                                       HasSubstr(R"("count":1)")));
}
TEST(DashboardApi, CancelsAndRetriesAJobAndWritesItDown) {
  run(one_job());
}

Task<void> many() {
  World world;
  for (int i = 0; i < 5; ++i) (void)co_await world.add("old");
  (void)co_await world.add("other");
  const std::string counted = co_await world.text("GET", "/api/v1/count?filter=name:old");
  EXPECT_THAT(counted, HasSubstr(R"("count":5,"bounded":false)"));
  (void)co_await world.add("old");  // came after it was counted
  const std::string blind = co_await world.text("POST", "/api/v1/cancel", R"({"filter":"name:old"})");
  EXPECT_THAT(blind, StartsWith("400 "));
  const std::string sum = co_await world.text("POST", "/api/v1/cancel", R"({"filter":"name:old","most":5})");
  EXPECT_EQ(sum, R"(200 {"matched":5,"changed":5,"next":null})");
  const std::string left = co_await world.text("GET", "/api/v1/count?filter=state:ready");
  EXPECT_THAT(left, HasSubstr(R"("count":2,"bounded":false)"));
  EXPECT_THAT(world.audit.back(), AllOf(HasSubstr(R"("filter":"name:old")"), HasSubstr("\"count\":5")));
}
TEST(DashboardApi, AFilterChangesNoMoreThanWasCounted) {
  run(many());
}

Task<void> drained() {
  World world;
  for (int i = 0; i < 3; ++i) (void)co_await world.add("send", "null", "mail");
  queue::JobSpec later("send");
  later.queue = "mail";
  later.delay = std::chrono::hours(1);
  (void)co_await world.client.enqueue(later);
  const std::string other = co_await world.add("send");
  const std::string blind = co_await world.text("POST", "/api/v1/queues/mail/drain", "{}");
  EXPECT_THAT(blind, StartsWith("400 "));
  const std::string some = co_await world.text("POST", "/api/v1/queues/mail/drain", R"({"most":2})");
  EXPECT_EQ(some, R"(200 {"matched":2,"changed":2,"next":null})");
  const std::string rest = co_await world.text("POST", "/api/v1/queues/mail/drain", R"({"most":9})");
  EXPECT_EQ(rest, R"(200 {"matched":2,"changed":2,"next":null})");
  const std::string left = co_await world.text("GET", "/api/v1/jobs/" + other);
  EXPECT_THAT(left, HasSubstr(R"("state":"ready")")) << "of another queue";
  EXPECT_THAT(world.audit.back(), AllOf(HasSubstr(R"("action":"drain")"), HasSubstr(R"("target":"mail")")));
}
TEST(DashboardApi, DrainingAQueueCancelsWhatWaitsThereAndNoMoreThanWasCounted) {
  run(drained());
}

Task<void> cloned() {
  World world;
  queue::JobSpec spec("send", R"({"n":9007199254740993})");
  spec.queue = "mail";
  spec.priority = 7;
  spec.max_attempts = 9;
  spec.timeout = std::chrono::seconds(5);
  const queue::JobId id = co_await world.client.enqueue(spec);
  const std::string path = "/api/v1/jobs/" + id.str() + "/clone";
  const std::string same = co_await world.text("POST", path, "{}");
  const std::string changed =
      co_await world.text("POST", path, R"({"args":"{\"n\":18446744073709551615, \"x\":1.50}"})");
  const std::string no_json = co_await world.text("POST", path, R"({"args":"{\"n\":"})");
  EXPECT_THAT(no_json, StartsWith("400 "));
  std::vector<queue::JobId> ids{*queue::parse_uuid(member(same, "id")),
                                *queue::parse_uuid(member(changed, "id"))};
  const std::vector<std::optional<queue::JobExport>> copies =
      co_await world.broker->export_jobs(std::move(ids), true);
  EXPECT_EQ(copies.at(0)->spec.payload, R"({"n":9007199254740993})");
  EXPECT_EQ(copies.at(1)->spec.payload, R"({"n":18446744073709551615, "x":1.50})");
  for (const auto& copy : copies) {
    EXPECT_EQ(copy->spec.queue, "mail");
    EXPECT_EQ(copy->spec.priority, 7);
    EXPECT_EQ(copy->spec.max_attempts, 9U);
    EXPECT_EQ(copy->spec.timeout, std::chrono::seconds(5));
  }
  EXPECT_THAT(world.audit, testing::SizeIs(2));
}
TEST(DashboardApi, AJobIsEnqueuedOnceMoreWithItsArgumentsOrOthersExactly) {
  run(cloned());
}

Task<void> attempts_told() {
  World world;
  queue::JobSpec spec("send");
  const queue::JobId id = co_await world.client.enqueue(spec);
  co_await world.fail_next("w1", queue::JobError("exit", "exit code 7"), queue::FailKind::retry);
  const std::string path = "/api/v1/jobs/" + id.str();
  const std::string text = co_await world.text("GET", path);
  EXPECT_THAT(text, AllOf(HasSubstr(R"("attempts":[{"attempt":1,"worker":"w1","started_at_ms":1)"),
                          HasSubstr(R"("error":{"type":"exit","message":"exit code 7"}}])")));
  const std::string list = co_await world.text("GET", "/api/v1/jobs");
  EXPECT_THAT(list, Not(HasSubstr("attempts\":["))) << "of one job";
  const std::string copy = co_await world.text("POST", path + "/clone", "{}");
  const std::string fresh = co_await world.text("GET", "/api/v1/jobs/" + member(copy, "id"));
  EXPECT_THAT(fresh, HasSubstr(R"("attempts":[])")) << "a clone begins anew";
}
TEST(DashboardApi, AJobTellsItsFailedAttemptsAndACloneHasNone) {
  run(attempts_told());
}

Task<void> history_of_a_queue() {
  World world;
  (void)co_await world.add("send", "null", "mail");
  const JoinHandle<void> watching =
      spawn([](World* w) -> Task<void> { return w->service.monitor().run(); }, &world);
  while (world.service.monitor().sequence() < 1) co_await yield();
  const std::string mail = co_await world.text("GET", "/api/v1/history?range=1h&queue=mail");
  EXPECT_THAT(mail, AllOf(StartsWith("200 "), HasSubstr("wait_p95_ms")));
  const std::string none = co_await world.text("GET", "/api/v1/history?queue=post");
  EXPECT_THAT(none, AllOf(StartsWith("404 "), HasSubstr("one is of 16 queues")));
  watching.cancel();
  (void)co_await outcome(watching.wait());
}
TEST(DashboardApi, AQueueHasAHistoryOfItsOwn) {
  run(history_of_a_queue());
}

Task<void> forgetting() {
  World world;
  const std::string id = co_await world.add("send");
  (void)co_await world.text("POST", "/api/v1/jobs/" + id + "/cancel", "{}");
  for (const std::string filter : {"", "state:ready", "name:send", "state:cancelled age>1s"}) {
    const std::string no =
        co_await world.text("POST", "/api/v1/purge", "{\"filter\":\"" + filter + "\",\"most\":9}");
    EXPECT_THAT(no, StartsWith("400 ")) << filter;
  }
  const std::string gone =
      co_await world.text("POST", "/api/v1/purge", R"({"filter":"state:cancelled","most":9})");
  EXPECT_EQ(gone, R"(200 {"matched":1,"changed":1,"next":null})");
}
TEST(DashboardApi, ForgetsOnlyWhatHasEnded) {
  run(forgetting());
}

Task<void> pausing() {
  World world;
  (void)co_await world.add("send", "null", "a/b <i>");
  http::Request asked = request("POST", "/api/v1/queues/x/pause", "{}");
  asked.segments[3] = "a/b <i>";
  Task<int> asking = world.status(asked);
  EXPECT_EQ(co_await std::move(asking), 200);
  const std::vector<std::string> paused = co_await world.broker->paused();
  EXPECT_THAT(paused, ElementsAre("a/b <i>"));
}
TEST(DashboardApi, PausesAQueueOfAnyName) {
  run(pausing());
}

Task<void> bodies() {
  World world;
  for (const std::string body : {"", "[]", "{", R"({"idz":[]})", R"({"ids":[],"filter":""})",
                                 R"({"ids":["1"]})", R"({"filter":1,"most":1})"}) {
    const std::string text = co_await world.text("POST", "/api/v1/retry", body);
    EXPECT_THAT(text, StartsWith("400 {\"error\":")) << body;
  }
}
TEST(DashboardApi, ABodyThatWillNotDoIsRefused) {
  run(bodies());
}

Task<void> streams() {
  World world;
  std::vector<http::Response> open;
  for (std::size_t i = 0; i < dashboard::Service::most_streams; ++i) {
    Task<http::Response> asking = world.ask(request("GET", "/api/v1/events?topics=overview"));
    open.push_back(co_await std::move(asking));
    EXPECT_EQ(open.back().status, 200);
  }
  Task<http::Response> asking = world.ask(request("GET", "/api/v1/events?topics=overview"));
  const http::Response full = co_await std::move(asking);
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.headers.get("Retry-After"), "5");
  open.pop_back();
  Task<int> again = world.status(request("GET", "/api/v1/events?topics=overview"));
  EXPECT_EQ(co_await std::move(again), 200);
}
TEST(DashboardApi, SixtyFourPagesAreFollowedAndNoMore) {
  run(streams());
}

Task<void> scraped() {
  World world;
  (void)co_await world.add("send", "1");
  Task<http::Response> asking = world.ask(request("GET", "/metrics"));
  const http::Response page = co_await std::move(asking);
  EXPECT_THAT(page.headers.get("Content-Type"), StartsWith("text/plain"));
  EXPECT_THAT(page.body, HasSubstr(R"(coterie_queue_jobs{queue="default",state="ready"} 1)"));
}
TEST(DashboardApi, MetricsAreTheQueuesOfTheStore) {
  run(scraped());
}

Task<void> without_broker() {
  World world;
  const std::string before = co_await world.text("GET", "/readyz");
  EXPECT_THAT(before, StartsWith("503 "));
  const JoinHandle<void> watching =
      spawn([](World* w) -> Task<void> { return w->service.monitor().run(); }, &world);
  while (world.service.monitor().sequence() == 0) co_await yield();
  const std::string after = co_await world.text("GET", "/readyz");
  EXPECT_THAT(after, StartsWith("200 "));
  const std::string alive = co_await world.text("GET", "/healthz");
  EXPECT_THAT(alive, StartsWith("200 "));
  watching.cancel();
  (void)co_await outcome(watching.wait());
}
TEST(DashboardApi, IsReadyOnceTheBrokerHasAnswered) {
  run(without_broker());
}

}  // namespace
}  // namespace coterie::dashboard_test
