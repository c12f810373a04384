// Workers as the broker knows them, and what can be asked of one: also from another process, and while its
// slots are all taken.
#include <algorithm>
#include <thread>

#include "coterie/gather.hpp"
#include "coterie/outcome.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/thread_loop.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

WorkerReport report_of(const TestWorker& worker) {
  WorkerReport report;
  report.worker = worker.ref();
  report.version = "1.2.3";
  report.queues = {"mail", "default"};
  report.handlers = 7;
  report.concurrency = 32;
  report.holds = 3;
  report.lease = worker.lease;
  report.every = 12s;
  return report;
}

std::vector<std::string> names_of(const Fleet& fleet) {
  std::vector<std::string> names;
  for (const WorkerInfo& worker : fleet.workers)
    names.push_back(worker.report.worker.name + ":" + std::string(to_string(worker.state)));
  return names;
}

TEST_P(BrokerSuite, AWorkerThatHasNothingToDoIsKnownToAllByWhatItSaysOfItself) {
  EXPECT_TRUE(await(broker().workers()).workers.empty());
  const TestWorker worker("a host's", "boot/ns/1/2");
  const UnixMillis began = clock_.wall();
  await(broker().announce(report_of(worker)));
  const Fleet fleet = await(open_another()->workers());
  EXPECT_FALSE(fleet.more);
  ASSERT_EQ(fleet.workers.size(), 1U);
  const WorkerInfo& info = fleet.workers.front();
  EXPECT_EQ(info.state, WorkerState::alive);
  EXPECT_EQ(info.started_at, began);
  EXPECT_EQ(info.heard_at, began);
  EXPECT_EQ(info.report.worker.name, "a host's");
  EXPECT_EQ(info.report.worker.incarnation, worker.ref().incarnation);
  EXPECT_EQ(info.report.worker.process, "boot/ns/1/2");
  EXPECT_EQ(info.report.version, "1.2.3");
  EXPECT_EQ(info.report.queues, (std::vector<std::string>{"mail", "default"}));
  EXPECT_EQ(info.report.handlers, 7U);
  EXPECT_EQ(info.report.concurrency, 32U);
  EXPECT_EQ(info.report.holds, 3U);
  EXPECT_EQ(info.report.lease, 30s);
  EXPECT_EQ(info.report.every, 12s);
  EXPECT_TRUE(info.report.answers);
}

TEST_P(BrokerSuite, TheNewestReportOfAWorkerCounts) {
  const TestWorker worker;
  WorkerReport report = report_of(worker);
  const UnixMillis began = clock_.wall();
  await(broker().announce(report));
  clock_.advance(10s);
  report.holds = 0;
  await(broker().announce(report));
  const Fleet fleet = await(broker().workers());
  ASSERT_EQ(fleet.workers.size(), 1U);
  EXPECT_EQ(fleet.workers[0].report.holds, 0U);
  EXPECT_EQ(fleet.workers[0].started_at, began);
  EXPECT_EQ(fleet.workers[0].heard_at, began + 10'000);
}

TEST_P(BrokerSuite, AWorkerThatIsSilentIsLostAndOneThatSaidSoHasEnded) {
  const TestWorker silent("silent");
  const TestWorker ended("ended");
  const TestWorker alive("alive");
  await(broker().announce(report_of(silent)));
  await(broker().announce(report_of(ended)));
  WorkerReport last = report_of(ended);
  last.ends = true;
  clock_.advance(1s);
  await(broker().announce(last));
  clock_.advance(silent_for(report_of(silent)) - 1s);
  await(broker().announce(report_of(alive)));
  EXPECT_EQ(names_of(await(broker().workers())),
            (std::vector<std::string>{"alive:alive", "silent:alive", "ended:ended"}));
  clock_.advance(1ms);
  await(broker().announce(report_of(alive)));
  EXPECT_EQ(names_of(await(broker().workers())),
            (std::vector<std::string>{"alive:alive", "ended:ended", "silent:lost"}));
  clock_.advance(gone_known_for);
  await(broker().announce(report_of(alive)));
  EXPECT_EQ(names_of(await(broker().workers())), std::vector<std::string>{"alive:alive"});
}

TEST_P(BrokerSuite, AProcessThatIsGoneIsLostAtOnce) {
  std::string gone = this_process();
  gone.erase(gone.rfind('/'));  // the same pid, at another time
  const TestWorker worker("killed", gone + "/1");
  await(broker().announce(report_of(worker)));
  EXPECT_EQ(names_of(await(broker().workers())), std::vector<std::string>{"killed:lost"});
}

TEST_P(BrokerSuite, AReportThatMakesNoSenseIsRefused) {
  WorkerReport nameless = report_of(TestWorker("x"));
  nameless.worker.incarnation = Uuid();
  EXPECT_THROW(await(broker().announce(nameless)), BadRequest);
  WorkerReport control = report_of(TestWorker("a\nb"));
  EXPECT_THROW(await(broker().announce(control)), BadRequest);
}

/// Waits for a question on a loop and a broker of its own, as a worker does, and answers it.
void answer_one(const std::shared_ptr<Broker>& there, const Uuid& worker, const WorkerAnswer& answer,
                std::string* asked) {
  ThreadLoop loop;
  const std::vector<Question> questions = loop.run(there->questions(worker, for_ever));
  ASSERT_EQ(questions.size(), 1U);
  *asked = questions[0].text;
  loop.run(there->answer(worker, questions[0].id, answer));
}

TEST_P(BrokerSuite, AWorkerIsToldOfAQuestionAndItsAnswerComesBack) {
  const TestWorker worker;
  const auto there = open_another();
  await(there->announce(report_of(worker)));
  for (const Asked outcome : {Asked::answered, Asked::cut, Asked::refused}) {
    std::string asked;
    const std::string text = outcome == Asked::cut ? std::string(answer_bytes, 'x') : "a \"task\"\n";
    std::thread answers(
        [&] { answer_one(there, worker.ref().incarnation, WorkerAnswer(outcome, text), &asked); });
    ThreadLoop loop;
    const WorkerAnswer answer = loop.run(broker().ask(worker.ref().incarnation, "dump json", longest_wait));
    answers.join();
    EXPECT_EQ(asked, "dump json");
    EXPECT_EQ(answer.outcome, outcome);
    EXPECT_EQ(answer.text, text);
  }
}

TEST_P(BrokerSuite, AQuestionComesAgainUntilItIsAnswered) {
  const TestWorker worker;
  const Uuid who = worker.ref().incarnation;
  const auto there = open_another();
  await(there->announce(report_of(worker)));
  std::thread answers([&] {
    ThreadLoop loop;
    const std::vector<Question> first = loop.run(there->questions(who, for_ever));
    const std::vector<Question> again = loop.run(there->questions(who, for_ever));
    ASSERT_EQ(first.size(), 1U);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(first[0].id, again[0].id);
    loop.run(there->answer(who, again[0].id, WorkerAnswer(Asked::answered, "pong")));
    EXPECT_TRUE(loop.run(there->questions(who, 0ms)).empty());
    loop.run(there->answer(who, again[0].id, WorkerAnswer(Asked::answered, "nobody waits for this")));
  });
  ThreadLoop loop;
  EXPECT_EQ(loop.run(broker().ask(who, "ping", longest_wait)).text, "pong");
  answers.join();
}

TEST_P(BrokerSuite, AWorkerThatSaysNothingIsSilentAndItsQuestionIsGone) {
  const TestWorker worker;
  const Uuid who = worker.ref().incarnation;
  await(broker().announce(report_of(worker)));
  ThreadLoop loop;
  EXPECT_EQ(loop.run(broker().ask(who, "ping", 1ms)).outcome, Asked::silent);
  while (!loop.run(broker().questions(who, 0ms)).empty()) {
  }
}

TEST_P(BrokerSuite, NobodyIsAskedWhoCannotAnswer) {
  ThreadLoop loop;
  const TestWorker unknown;
  EXPECT_EQ(loop.run(broker().ask(unknown.ref().incarnation, "ping", longest_wait)).outcome, Asked::unknown);
  const TestWorker ended;
  WorkerReport last = report_of(ended);
  last.ends = true;
  await(broker().announce(last));
  EXPECT_EQ(loop.run(broker().ask(ended.ref().incarnation, "ping", longest_wait)).outcome, Asked::ended);
  const TestWorker silent;
  await(broker().announce(report_of(silent)));
  clock_.advance(silent_for(report_of(silent)) + 1ms);
  EXPECT_EQ(loop.run(broker().ask(silent.ref().incarnation, "ping", longest_wait)).outcome, Asked::lost);
  const TestWorker refuses;
  WorkerReport report = report_of(refuses);
  report.answers = false;
  await(broker().announce(report));
  const WorkerAnswer no = loop.run(broker().ask(refuses.ref().incarnation, "ping", longest_wait));
  EXPECT_EQ(no.outcome, Asked::refused);
  EXPECT_NE(no.text.find("--no-remote-debug"), std::string::npos) << no.text;
}

Task<std::vector<WorkerAnswer>> ask_at_once(Broker& broker, Uuid worker, std::size_t times) {
  std::vector<Task<WorkerAnswer>> asked;
  for (std::size_t i = 0; i < times; ++i) asked.push_back(broker.ask(worker, "ping", 200ms));
  std::vector<coterie::Outcome<WorkerAnswer>> answers = co_await coterie::gather_outcomes(std::move(asked));
  std::vector<WorkerAnswer> all;
  for (auto& answer : answers) all.push_back(std::move(answer.get()));
  co_return all;
}

TEST_P(BrokerSuite, NoMoreThanSixteenQuestionsWaitForAWorker) {
  const TestWorker worker;
  await(broker().announce(report_of(worker)));
  ThreadLoop loop;
  const std::vector<WorkerAnswer> answers =
      loop.run(ask_at_once(broker(), worker.ref().incarnation, most_questions + 8));
  const auto refused = std::ranges::count(answers, Asked::refused, &WorkerAnswer::outcome);
  EXPECT_EQ(refused, 8);
}

TEST_P(BrokerSuite, QuestionsAndAnswersHaveLimits) {
  const Uuid who = new_uuid();
  EXPECT_THROW(await(broker().ask(Uuid(), "ping", 1s)), BadRequest);
  EXPECT_THROW(await(broker().ask(who, "", 1s)), BadRequest);
  EXPECT_THROW(await(broker().ask(who, "a\nb", 1s)), BadRequest);
  EXPECT_THROW(await(broker().ask(who, std::string(question_bytes + 1, 'x'), 1s)), BadRequest);
  EXPECT_THROW(await(broker().ask(who, "ping", 0ms)), BadRequest);
  EXPECT_THROW(await(broker().ask(who, "ping", longest_wait + 1ms)), BadRequest);
  const std::string too_long(answer_bytes + 1, 'x');
  EXPECT_THROW(await(broker().answer(who, new_uuid(), WorkerAnswer(Asked::answered, too_long))), BadRequest);
  EXPECT_THROW(await(broker().answer(who, new_uuid(), WorkerAnswer(Asked::silent))), BadRequest);
}

}  // namespace
}  // namespace broker_suite
