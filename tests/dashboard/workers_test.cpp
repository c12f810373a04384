// Who works, and what they do: what the API tells, to whom, and how often workers are asked for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coterie/testing/virtual_loop.hpp"
#include "dashboard/service_support.hpp"

namespace coterie::dashboard_test {
namespace {

using namespace std::chrono_literals;
using queue::Asked;
using queue::Uuid;
using queue::WorkerAnswer;
using queue::WorkerReport;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

WorkerReport report_of(const std::string& name) {
  WorkerReport report;
  report.worker.name = name;
  report.worker.incarnation = queue::new_uuid();
  report.version = "9.8.7";
  report.queues = {"mail"};
  report.concurrency = 4;
  return report;
}

std::string tasks_path(const WorkerReport& report) {
  return "/api/v1/workers/" + report.worker.incarnation.str() + "/tasks";
}

/// A worker that answers; counts what it was asked.
struct Answering {
  std::shared_ptr<queue::Broker> broker;
  Uuid worker;
  WorkerAnswer answer;
  int asked = 0;
  std::string last{};
};
Task<void> answers(Answering* its) {
  for (;;) {
    Task<std::vector<queue::Question>> asking = its->broker->questions(its->worker, 1h);
    const std::vector<queue::Question> questions = co_await std::move(asking);
    for (const queue::Question& question : questions) {
      ++its->asked;
      its->last = question.text;
      Task<void> telling = its->broker->answer(its->worker, question.id, its->answer);
      co_await std::move(telling);
    }
  }
}

/// In virtual time, on one loop.
template <class Body>
void in_a_world(Body body, dashboard::DashboardOptions options = {}) {
  coterie::testing::VirtualLoop loop;
  loop.run([](Body* what, dashboard::DashboardOptions with) -> Task<void> {
    World world(std::move(with));
    Task<void> doing = (*what)(world);
    co_await std::move(doing);
  }(&body, std::move(options)));
}

TEST(Workers, ThoseWithoutWorkAreToldToo) {
  in_a_world([](World& world) -> Task<void> {
    const WorkerReport report = report_of("idle <b>");
    co_await world.broker->announce(report);
    const std::string text = co_await world.text("GET", "/api/v1/workers");
    EXPECT_THAT(text, StartsWith("200 "));
    EXPECT_THAT(text, HasSubstr(R"("id":")" + report.worker.incarnation.str() +
                                R"(","name":"idle <b>","state":"alive")"));
    EXPECT_THAT(text, HasSubstr(R"("version":"9.8.7","queues":["mail"])"));
    EXPECT_THAT(text, HasSubstr(R"("jobs":[])"));
  });
}

TEST(Workers, OneThatIsKnownByItsJobsAloneIsToldAsSuch) {
  in_a_world([](World& world) -> Task<void> {
    const std::string id = co_await world.add("x");
    queue::CycleRequest take;
    take.worker = report_of("old").worker;
    take.seq = 1;
    take.queues = {"default"};
    take.want = 1;
    (void)co_await world.broker->cycle(take);
    const std::string text = co_await world.text("GET", "/api/v1/workers");
    EXPECT_THAT(text, HasSubstr(R"("id":null,"name":"old","state":"unknown")"));
    EXPECT_THAT(text, HasSubstr(id));
  });
}

TEST(Workers, OneThatIsGoneIsToldOnceWithTheJobsThatItStillHolds) {
  in_a_world([](World& world) -> Task<void> {
    const std::string id = co_await world.add("x");
    (void)co_await world.take("killed");
    WorkerReport report = report_of("killed");
    report.worker = world.taker.worker;
    co_await world.broker->announce(report);
    for (const std::string state : {"alive", "ended"}) {
      if (state == "ended") {
        report.ends = true;
        co_await world.broker->announce(report);
      }
      const std::string text = co_await world.text("GET", "/api/v1/workers");
      EXPECT_THAT(text, HasSubstr(R"("name":"killed","state":")" + state + '"'));
      EXPECT_THAT(text, HasSubstr(id));
      EXPECT_THAT(text, Not(HasSubstr("unknown")));
      EXPECT_EQ(text.find(id), text.rfind(id)) << text;
    }
  });
}

TEST(Workers, TheTasksOfAWorkerAreWhatItAnswers) {
  in_a_world([](World& world) -> Task<void> {
    const WorkerReport report = report_of("here");
    co_await world.broker->announce(report);
    Answering its{world.broker, report.worker.incarnation,
                  WorkerAnswer(Asked::answered, R"({"schema":1,"loops":[]})")};
    const JoinHandle<void> answering = spawn(answers, &its);
    const std::string text = co_await world.text("GET", tasks_path(report));
    EXPECT_THAT(text, HasSubstr(R"("outcome":"answered")"));
    EXPECT_THAT(text, HasSubstr(R"("dump":{"schema":1,"loops":[]})"));
    EXPECT_EQ(its.last, "dump json");
    co_await sleep(dashboard::Questions::fresh_for);
    its.answer = WorkerAnswer(Asked::answered, "{\"loops\":[<script>");
    const std::string odd = co_await world.text("GET", tasks_path(report));
    EXPECT_THAT(odd, HasSubstr(R"("outcome":"refused")"));
    EXPECT_THAT(odd, HasSubstr(R"("dump":null)"));
    answering.cancel();
    (void)co_await outcome(answering.wait());
  });
}

TEST(Workers, NoAnswerIsToldAsWhatItIs) {
  in_a_world([](World& world) -> Task<void> {
    const WorkerReport silent = report_of("silent");
    co_await world.broker->announce(silent);
    WorkerReport ended = report_of("ended");
    ended.ends = true;
    co_await world.broker->announce(ended);
    WorkerReport refuses = report_of("refuses");
    refuses.answers = false;
    co_await world.broker->announce(refuses);
    const TimePoint began = EventLoop::current().now();
    std::string text = co_await world.text("GET", tasks_path(silent));
    EXPECT_THAT(text, HasSubstr(R"("outcome":"silent")"));
    EXPECT_EQ(EventLoop::current().now() - began, dashboard::Questions::patience);
    text = co_await world.text("GET", tasks_path(ended));
    EXPECT_THAT(text, HasSubstr(R"("outcome":"ended")"));
    text = co_await world.text("GET", tasks_path(refuses));
    EXPECT_THAT(text, HasSubstr(R"("outcome":"refused")"));
    EXPECT_THAT(text, HasSubstr("--no-remote-debug"));
    text = co_await world.text("GET", tasks_path(report_of("nobody")));
    EXPECT_THAT(text, StartsWith("404 "));
    text = co_await world.text("GET", "/api/v1/workers/x/tasks");
    EXPECT_THAT(text, StartsWith("400 "));
  });
}

TEST(Workers, OneIsAskedAtMostOnceASecondWhoeverLooks) {
  in_a_world([](World& world) -> Task<void> {
    const WorkerReport report = report_of("here");
    co_await world.broker->announce(report);
    Answering its{world.broker, report.worker.incarnation, WorkerAnswer(Asked::answered, "{}")};
    const JoinHandle<void> answering = spawn(answers, &its);
    std::vector<Task<std::string>> looks;
    for (int i = 0; i < 5; ++i) looks.push_back(world.text("GET", tasks_path(report)));
    const std::vector<std::string> seen = co_await gather(std::move(looks));
    for (const std::string& text : seen) EXPECT_THAT(text, HasSubstr("answered"));
    (void)co_await world.text("GET", tasks_path(report));
    EXPECT_EQ(its.asked, 1);
    co_await sleep(dashboard::Questions::fresh_for);
    (void)co_await world.text("GET", tasks_path(report));
    EXPECT_EQ(its.asked, 2);
    EXPECT_EQ(world.audit.size(), 1U);  // who looks again and again has looked once
    EXPECT_THAT(world.audit.at(0), HasSubstr(R"("action":"tasks")"));
    answering.cancel();
    (void)co_await outcome(answering.wait());
  });
}

TEST(Workers, TooManyQuestionsAtOnceAreRefused) {
  in_a_world([](World& world) -> Task<void> {
    std::vector<Task<std::string>> looks;
    for (std::size_t i = 0; i < dashboard::Questions::most_at_once + 3; ++i) {
      const WorkerReport report = report_of("silent");
      co_await world.broker->announce(report);
      looks.push_back(world.text("GET", tasks_path(report)));
    }
    const std::vector<std::string> seen = co_await gather(std::move(looks));
    const auto refused = [](const std::string& text) { return text.starts_with("429 "); };
    EXPECT_EQ(std::count_if(seen.begin(), seen.end(), refused), 3);
  });
}

TEST(Workers, AReadOnlyDashboardMayLook) {
  dashboard::DashboardOptions options;
  options.read_only = true;
  in_a_world(
      [](World& world) -> Task<void> {
        WorkerReport report = report_of("ended");
        report.ends = true;
        co_await world.broker->announce(report);
        const std::string text = co_await world.text("GET", tasks_path(report));
        EXPECT_THAT(text, StartsWith("200 "));
      },
      options);
}

}  // namespace
}  // namespace coterie::dashboard_test
