// Fields that are not for eyes: in no answer of the API, and not to be found by asking.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coterie/queue/worker.hpp"
#include "dashboard/service_support.hpp"
#include "tests/support/forwarding_broker.hpp"

namespace coterie::dashboard_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* secret_args = R"({"user":"ann","password":"hunter22","pin":987654})";

dashboard::DashboardOptions hiding(const std::string& field) {
  dashboard::DashboardOptions options;
  options.redact = {field};
  return options;
}

Task<std::string> tells_all(queue::JobContext& job, std::string payload) {
  co_await job.progress(0.5, "with " + payload);
  co_return payload;
}
Task<std::string> fails(queue::JobContext& job, std::string payload) {
  co_await job.progress(0.5, "with " + payload);
  throw queue::PermanentError("hunter22", "login with hunter22 and 987654 refused: " + payload);
  co_return "";
}

/// Runs what waits, and ends.
Task<void> work(std::shared_ptr<queue::Broker> broker, queue::WorkerOptions options = {}) {
  queue::Worker worker(broker, options.stop_when_idle());
  worker.handle_raw("login", tells_all);
  worker.handle_raw("fail", fails);
  co_await worker.serve();
}

Task<void> every_answer() {
  World world(hiding("pin"));
  const std::string ready = co_await world.add("later", secret_args, "nobody");
  const std::string done = co_await world.add("login", secret_args);
  const std::string dead = co_await world.add("fail", secret_args);
  Task<void> working = work(world.broker);
  co_await std::move(working);
  std::vector<std::string> targets{"/api/v1/jobs",     "/api/v1/jobs?filter=ann",
                                   "/api/v1/workers",  "/api/v1/jobs?filter=state:dead",
                                   "/api/v1/overview", "/metrics"};
  for (const std::string& id : {ready, done, dead})
    for (const std::string part : {"", "/args"}) targets.push_back("/api/v1/jobs/" + id + part);
  targets.push_back("/api/v1/jobs/" + done + "/result");
  for (const std::string& target : targets) {
    const std::string text = co_await world.text("GET", target);
    EXPECT_THAT(text, AllOf(StartsWith("200 "), Not(HasSubstr("hunter22")), Not(HasSubstr("987654"))))
        << target;
  }
  const std::string detail = co_await world.text("GET", "/api/v1/jobs/" + dead);
  EXPECT_THAT(detail, AllOf(HasSubstr("login with [redacted] and [redacted] refused"),
                            HasSubstr(R"(\"user\":\"ann\",\"password\":\"[redacted]\")")));
}
TEST(DashboardRedaction, NoAnswerHasAHiddenValue) {
  run(every_answer());
}

Task<void> searching() {
  World world(hiding("pin"));
  (void)co_await world.add("login", secret_args);
  for (const std::string filter : {"args.password:hunter22", "args.pin:987654", "args.user.PassWord.x:1"}) {
    for (const std::string target : {"/api/v1/jobs?filter=", "/api/v1/count?filter="}) {
      const std::string text = co_await world.text("GET", target + filter);
      EXPECT_THAT(text, AllOf(StartsWith("400 "), HasSubstr("is redacted"))) << filter;
    }
    const std::string bulk =
        co_await world.text("POST", "/api/v1/cancel", "{\"filter\":\"" + filter + "\",\"most\":9}");
    EXPECT_THAT(bulk, StartsWith("400 ")) << filter;
  }
  for (const std::string filter : {"args:hunter22", "hunter22", "args:hunt", "987654", "error:hunter22"}) {
    const std::string text = co_await world.text("GET", "/api/v1/count?filter=" + filter);
    EXPECT_THAT(text, StartsWith(R"(200 {"count":0,"bounded":false)")) << filter;
    const std::string bulk =
        co_await world.text("POST", "/api/v1/cancel", "{\"filter\":\"" + filter + "\",\"most\":9}");
    EXPECT_EQ(bulk, R"(200 {"matched":0,"changed":0,"next":null})") << filter;
  }
  for (const std::string filter : {"args.user:ann", "ann", "args:ann"}) {
    const std::string text = co_await world.text("GET", "/api/v1/count?filter=" + filter);
    EXPECT_THAT(text, StartsWith(R"(200 {"count":1,"bounded":false)")) << filter;
  }
}
TEST(DashboardRedaction, AHiddenValueIsFoundByNoSearch) {
  run(searching());
}

/// What was stored before: by a worker that knew of no names, so that its error has the value.
Task<void> older_errors() {
  World world;
  const std::string id = co_await world.add("pay", R"({"password":"hunter22"})");
  co_await world.fail_next("old", queue::JobError("exception", "hunter22 was refused"));
  const std::vector<std::string> targets{"/api/v1/jobs", "/api/v1/jobs/" + id};
  for (const std::string& target : targets) {
    const std::string text = co_await world.text("GET", target);
    EXPECT_THAT(text, AllOf(HasSubstr("[redacted] was refused"), Not(HasSubstr("hunter22")))) << target;
  }
  const std::string found = co_await world.text("GET", "/api/v1/count?filter=error:hunter22");
  EXPECT_THAT(found, StartsWith(R"(200 {"count":0,"bounded":false)"));
  const std::string other = co_await world.text("GET", "/api/v1/count?filter=error:refused");
  EXPECT_THAT(other, HasSubstr(R"("count":1,"bounded":false)"));
}
TEST(DashboardRedaction, AnErrorThatRepeatsAnArgumentIsShownWithoutIt) {
  run(older_errors());
}

Task<void> cloning() {
  World world;
  const std::string id = co_await world.add("login", secret_args);
  const std::string path = "/api/v1/jobs/" + id + "/clone";
  const std::string same = co_await world.text("POST", path, "{}");
  EXPECT_THAT(same, StartsWith("200 "));
  const std::string edited =
      co_await world.text("POST", path, R"({"args":"{\"user\":\"bob\",\"password\":\"[redacted]\"}"})");
  EXPECT_THAT(edited, AllOf(StartsWith("400 "), HasSubstr("still say [redacted]")));
  const std::string anew =
      co_await world.text("POST", path, R"({"args":"{\"user\":\"bob\",\"password\":\"other-one\"}"})");
  EXPECT_THAT(anew, AllOf(StartsWith("200 "), Not(HasSubstr("other-one"))));
  queue::JobFilter all;
  all.bodies = true;
  const queue::JobPage page = co_await world.broker->list(all);
  EXPECT_EQ(page.jobs.at(1).payload, secret_args) << "the copy has what the first one had";
  for (const std::string& line : world.audit) EXPECT_THAT(line, Not(HasSubstr("other-one")));
}
TEST(DashboardRedaction, AJobIsClonedWithItsHiddenValues) {
  run(cloning());
}

Task<void> everything() {
  World world(hiding("*"));
  const std::string id = co_await world.add("login", secret_args);
  const std::string text = co_await world.text("GET", "/api/v1/jobs/" + id);
  EXPECT_THAT(text, AllOf(HasSubstr(R"("args":"\"[redacted]\"")"), Not(HasSubstr("ann"))));
  const std::string asked = co_await world.text("GET", "/api/v1/jobs?filter=args.user:ann");
  EXPECT_THAT(asked, StartsWith("400 "));
}
TEST(DashboardRedaction, ArgumentsCanBeHiddenAltogether) {
  run(everything());
}

Task<void> headers() {
  World world;
  queue::JobSpec spec("send");
  spec.headers = {{"Authorization", "Bearer abc123"}, {"tenant", "acme"}};
  const queue::JobId id = co_await world.client.enqueue(spec);
  const std::string text = co_await world.text("GET", "/api/v1/jobs/" + id.str());
  EXPECT_THAT(text, HasSubstr(R"("headers":{"Authorization":"[redacted]","tenant":"acme"})"));
}
TEST(DashboardRedaction, HeadersAreHiddenByNameToo) {
  run(headers());
}

Task<void> errors_with_a_header() {
  World world;
  queue::JobSpec spec("send");
  spec.headers = {{"Authorization", "Bearer abc123"}};
  const queue::JobId id = co_await world.client.enqueue(spec);
  co_await world.fail_next("old", queue::JobError("exception", "Bearer abc123, so abc123, was refused"));
  const std::vector<std::string> targets{"/api/v1/jobs", "/api/v1/jobs/" + id.str()};
  for (const std::string& target : targets) {
    const std::string text = co_await world.text("GET", target);
    EXPECT_THAT(text, AllOf(HasSubstr("[redacted], so [redacted], was refused"), Not(HasSubstr("abc123"))))
        << target;
  }
}
TEST(DashboardRedaction, AnErrorThatRepeatsAHeaderIsShownWithoutIt) {
  run(errors_with_a_header());
}

/// Each job is forgotten between being listed and being asked for.
class Forgetful final : public tests::ForwardingBroker {
 public:
  Forgetful() : ForwardingBroker(queue::open_broker("memory://")) {}
  Task<std::vector<std::optional<queue::JobInfo>>> get(std::vector<queue::JobId> ids, bool) override {
    co_return std::vector<std::optional<queue::JobInfo>>(ids.size());
  }
};
Task<void> forgotten() {
  World world({}, std::make_shared<Forgetful>());
  (void)co_await world.add("pay", R"({"password":"hunter22"})");
  co_await world.fail_next("old", queue::JobError("exception", "hunter22 was refused"));
  const std::string text = co_await world.text("GET", "/api/v1/jobs");
  EXPECT_THAT(text, AllOf(HasSubstr(R"("message":"[redacted]")"), Not(HasSubstr("hunter22"))));
}
TEST(DashboardRedaction, AnErrorWhoseJobIsForgottenMeanwhileIsNotShown) {
  run(forgotten());
}

/// What a worker declares is known to a dashboard that was never told, and stays known.
Task<void> declared() {
  World world;
  const std::string id = co_await world.add("login", secret_args, "elsewhere");
  const std::string before = co_await world.text("GET", "/api/v1/jobs/" + id);
  EXPECT_THAT(before, HasSubstr("987654"));
  {
    queue::Worker worker(world.broker, queue::WorkerOptions().queues({"none"}));
    worker.handle_raw("login", tells_all).redact("login", {"pin"});
    const JoinHandle<void> serving =
        spawn([](queue::Worker* its) -> Task<void> { return its->serve(); }, &worker);
    for (;;) {
      const std::optional<std::string> note = co_await world.broker->get_note("coterie.redact");
      if (note) break;
      co_await yield();
    }
    worker.drain();
    co_await serving;
  }
  dashboard::Service other(world.broker, {});
  Task<http::Response> asking = other.answer(request("GET", "/api/v1/jobs/" + id));
  const http::Response after = co_await std::move(asking);
  EXPECT_THAT(after.body, AllOf(Not(HasSubstr("987654")), Not(HasSubstr("hunter22")), HasSubstr("ann")));
}
TEST(DashboardRedaction, WhatAHandlerDeclaresHoldsForEveryDashboard) {
  run(declared());
}

/// What leaves the worker is clean already: nobody has to take anything out of it afterwards.
Task<void> at_the_broker() {
  const std::shared_ptr<queue::Broker> broker = queue::open_broker("memory://");
  queue::Client client(broker);
  const queue::JobId id = co_await client.enqueue(queue::JobSpec("fail", secret_args));
  const queue::JobId fine = co_await client.enqueue(queue::JobSpec("login", secret_args));
  Task<void> working = work(broker, queue::WorkerOptions().redact({"pin"}));
  co_await std::move(working);
  std::vector<queue::JobId> ids{id, fine};
  const std::vector<std::optional<queue::JobInfo>> found = co_await broker->get(std::move(ids), true);
  EXPECT_EQ(found.at(0)->error->type, "[redacted]");
  EXPECT_THAT(found.at(0)->error->message,
              AllOf(HasSubstr("[redacted]"), Not(HasSubstr("hunter22")), Not(HasSubstr("987654"))));
  EXPECT_EQ(found.at(0)->payload, secret_args) << "the queue itself keeps it as it was enqueued";
  EXPECT_EQ(found.at(1)->result, secret_args) << "a client gets the result as it is";
}
TEST(DashboardRedaction, AWorkerTakesHiddenValuesOutOfErrorsBeforeTheyLeaveIt) {
  run(at_the_broker());
}

/// A job that waits in a task whose name repeats its password.
Task<std::string> waits(queue::JobContext&, std::string payload) {
  Event never;
  const JoinHandle<void> inner = spawn(
      SpawnOptions("inner " + payload), [](Event* event) -> Task<void> { co_await event->wait(); }, &never);
  co_await inner;
  co_return "";
}
Task<void> in_a_dump() {
  World world;
  (void)co_await world.add("wait", secret_args);
  queue::Worker worker(world.broker, queue::WorkerOptions().redact({"pin"}));
  worker.handle_raw("wait", waits);
  const JoinHandle<void> serving =
      spawn([](queue::Worker* its) -> Task<void> { return its->serve(); }, &worker);
  std::string dump;
  for (;;) {
    const queue::Fleet fleet = co_await world.broker->workers();
    if (fleet.workers.empty()) {
      co_await yield();
      continue;
    }
    const queue::Uuid who = fleet.workers.front().report.worker.incarnation;
    Task<queue::WorkerAnswer> asking = world.broker->ask(who, "dump json", queue::Milliseconds(5000));
    const queue::WorkerAnswer answer = co_await std::move(asking);
    dump = answer.text;
    if (dump.find("inner ") != std::string::npos) break;
  }
  EXPECT_THAT(dump, AllOf(HasSubstr("[redacted]"), Not(HasSubstr("hunter22")), Not(HasSubstr("987654"))));
  serving.cancel();
  (void)co_await outcome(serving.wait());
}
TEST(DashboardRedaction, AWorkersDumpRepeatsNoHiddenValue) {
  run(in_a_dump());
}

TEST(DashboardRedaction, ANameThatCannotBeOneIsRefusedBeforeAnythingListens) {
  EXPECT_THROW(World world(hiding("")), dashboard::BadOptions);
}

}  // namespace
}  // namespace coterie::dashboard_test
