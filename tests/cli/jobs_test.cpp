// enqueue, worker, jobs, job, queues, cancel, retry, purge: one file, several processes, the real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sched.h>
#include <csignal>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "src/cli/json_text.hpp"
#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using coterie::cli::json_member;
using coterie::cli::json_problem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string enqueue(const Folder& folder, std::vector<std::string> args) {
  args.insert(args.begin(), "enqueue");
  const Ended end = folder.run(args);
  EXPECT_EQ(end.code, 0) << end.err;
  return trimmed(end.out);
}

Ended work(const Folder& folder) {
  return folder.run({"worker", "--allow-exec", "--until-idle", "-j", "2"});
}

TEST(Jobs, ACommandRunsWhereItWasEnqueued) {
  const Folder folder;
  std::filesystem::create_directory(folder.path("below"));
  const std::string enqueued = "cd '" + folder.path("below") + "' && '" + COTERIE_BIN_DIR +
                               "/coterie' enqueue --broker sqlite://../coterie.db --exec 'touch here' >id";
  ASSERT_EQ(std::system(enqueued.c_str()), 0);
  EXPECT_EQ(work(folder).code, 0);
  EXPECT_TRUE(folder.exists("below/here"));
}

TEST(Jobs, AWorkerWithAnEmptyQueueNameIsRefusedBeforeAnythingIsOpened) {
  const Folder folder;
  const Ended refused = folder.run({"worker", "--allow-exec", "--until-idle", "-q", ""});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--queue ''"));
  EXPECT_FALSE(folder.exists("coterie.db"));
}

TEST(Jobs, AWorkerThatHasStoppedDidWellHoweverItsJobsEnded) {
  const Folder folder;
  enqueue(folder, {"--exec", "false", "--retries", "0"});
  EXPECT_EQ(work(folder).code, 0);
  EXPECT_THAT(folder.run({"worker", "--help"}).out, HasSubstr("however its jobs ended"));
}

TEST(Jobs, AJobThatIsForgottenAtItsEndCannotBeWaitedFor) {
  const Folder folder;
  for (const char* wait : {"--wait", "--wait-at-most=1m"}) {
    const Ended refused = folder.run({"enqueue", "--exec", "true", "--keep", "0s", wait});
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err,
                AllOf(HasSubstr("--keep 0 ms and --wait"), HasSubstr("keep it for 10s at least")));
  }
  EXPECT_FALSE(folder.exists("coterie.db"));
}

TEST(Jobs, CommandThatWasEnqueuedRunsAndItsOutputIsShown) {
  const Folder folder;
  const std::string id = enqueue(folder, {"--exec", "printf 'a\\tb\\n\\033[31mred'"});
  EXPECT_EQ(id.size(), 36U);
  const Ended worked = work(folder);
  EXPECT_EQ(worked.code, 0) << worked.err;
  EXPECT_THAT(worked.out, AllOf(HasSubstr("done"), HasSubstr(id)));
  const Ended shown = folder.run({"job", id});
  EXPECT_EQ(shown.code, 0);
  EXPECT_THAT(shown.out, AllOf(HasSubstr("state       done"), HasSubstr("attempts    1 of 4")));
  EXPECT_THAT(shown.out, HasSubstr("output\n  a\tb\n  \\x1b[31mred\n")) << "escapes are shown, not executed";
  EXPECT_THAT(shown.out, Not(HasSubstr("\x1b")));
}

TEST(Jobs, FailureIsShownWithItsError) {
  const Folder folder;
  const std::string id = enqueue(folder, {"--exec", "echo why; exit 7", "--retries", "0"});
  EXPECT_EQ(work(folder).code, 0);
  const Ended shown = folder.run({"job", id});
  EXPECT_THAT(shown.out,
              AllOf(HasSubstr("state       dead"), HasSubstr("error: exit\n  exit code 7\n  why\n")));
  EXPECT_THAT(folder.run({"jobs"}).out, HasSubstr("exit: exit code 7"));
  const Ended json = folder.run({"job", id, "--json"});
  EXPECT_EQ(json_problem(json.out), std::nullopt);
  EXPECT_THAT(json.out, HasSubstr(R"("error":{"type":"exit","message":"exit code 7\nwhy)"));
}

TEST(Jobs, EachFailedAttemptIsShownAlsoBehindARetryByHand) {
  const Folder folder;
  const std::string id = enqueue(folder, {"--exec", "exit 7", "--retries", "0"});
  EXPECT_EQ(work(folder).code, 0);
  EXPECT_EQ(folder.run({"retry", id}).code, 0);
  EXPECT_EQ(work(folder).code, 0);
  const std::string line = "  1  20.*  after .*  exit: exit code 7\n";
  EXPECT_THAT(folder.run({"job", id}).out, testing::ContainsRegex("failed attempts\n" + line + line));
  EXPECT_THAT(folder.run({"jobs", "--json", "--bodies"}).out, HasSubstr(R"(code 7"}},{"attempt":1,)"));
}

TEST(Jobs, ListingGoesOnWhereTheLastOneStopped) {
  const Folder folder;
  std::vector<std::string> ids;
  ids.reserve(5);
  for (int i = 0; i < 5; ++i) ids.push_back(enqueue(folder, {"x", std::to_string(i)}));
  const Ended first = folder.run({"jobs", "--limit", "2", "--json"});
  const std::vector<std::string> lines = lines_of(first.out);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(json_member(lines[0], "id"), ids[0]);
  EXPECT_EQ(json_member(lines[1], "id"), ids[1]);
  ASSERT_THAT(lines[2], testing::StartsWith("{\"next\":"));
  const std::string cursor = lines[2].substr(8, lines[2].size() - 9);
  const Ended rest = folder.run({"jobs", "--after", cursor, "--json"});
  const std::vector<std::string> others = lines_of(rest.out);
  ASSERT_EQ(others.size(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(json_member(others[i], "id"), ids[i + 2]);
  const Ended people = folder.run({"jobs", "--limit", "2"});
  EXPECT_THAT(people.out, AllOf(HasSubstr(ids[1]), Not(HasSubstr(ids[2])), HasSubstr("--after " + cursor)));
}

TEST(Jobs, ListingMayBeginWithTheNewest) {
  const Folder folder;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(enqueue(folder, {"x", std::to_string(i)}));
  const std::vector<std::string> lines =
      lines_of(folder.run({"jobs", "--newest", "--limit", "2", "--json"}).out);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(json_member(lines[0], "id"), ids[2]);
  EXPECT_EQ(json_member(lines[1], "id"), ids[1]);
  const std::string cursor = lines[2].substr(8, lines[2].size() - 9);
  const std::vector<std::string> rest =
      lines_of(folder.run({"jobs", "--newest", "--after", cursor, "--json"}).out);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(json_member(rest[0], "id"), ids[0]);
  EXPECT_THAT(folder.run({"jobs", "--newest", "--limit", "2"}).out,
              HasSubstr("--newest --after " + cursor + " goes on"));
}

TEST(Jobs, ListingIsFiltered) {
  const Folder folder;
  const std::string mail = enqueue(folder, {"send", "--queue", "mail"});
  const std::string later = enqueue(folder, {"send", "--delay", "1h"});
  const std::string other = enqueue(folder, {"other"});
  const auto only = [&](std::vector<std::string> args) {
    args.insert(args.begin(), "jobs");
    args.emplace_back("--json");
    std::vector<std::string> ids;
    for (const std::string& line : lines_of(folder.run(args).out))
      ids.push_back(json_member(line, "id").value_or(""));
    return ids;
  };
  EXPECT_EQ(only({"--queue", "mail"}), std::vector<std::string>{mail});
  EXPECT_EQ(only({"--state", "scheduled"}), std::vector<std::string>{later});
  EXPECT_EQ(only({"--name", "other"}), std::vector<std::string>{other});
  EXPECT_EQ(only({"--state", "done"}), std::vector<std::string>{});
  EXPECT_EQ(only({}).size(), 3U);
}

TEST(Jobs, EveryPageOfAJsonListingIsPrinted) {
  const Folder folder;
  const Ended done = folder.run({"bench", "queue", "--broker", "sqlite://b.db", "--jobs", "2300", "--runs",
                                 "1", "--load", "100", "--keep", "--json"});
  ASSERT_EQ(done.code, 0) << done.err;
  std::set<std::string> ids;
  for (const std::string& line :
       lines_of(folder.run({"jobs", "--broker", "sqlite://b.db", "--state", "done", "--json"}).out)) {
    EXPECT_EQ(json_problem(line), std::nullopt);
    ids.insert(json_member(line, "id").value_or(""));
  }
  EXPECT_EQ(ids.size(), 2300U);
}

TEST(Jobs, PayloadStaysExact) {
  const Folder folder;
  const std::string payload =
      "{ \"n\": 9007199254740993,\n  \"big\": 18446744073709551615, \"s\": \"a b\\n\\\" c\" }";
  folder.write("p.json", payload);
  const std::string id = enqueue(folder, {"x", "@p.json"});
  EXPECT_EQ(folder.jobs("coterie.db").at(0).payload, payload);
  const Ended shown = folder.run({"job", id, "--json"});
  EXPECT_EQ(lines_of(shown.out).size(), 1U);
  EXPECT_THAT(shown.out,
              HasSubstr(R"("payload":{"n":9007199254740993,"big":18446744073709551615,"s":"a b\n\" c"})"));
}

TEST(Jobs, SameIdIsEnqueuedOnce) {
  const Folder folder;
  const std::string id = "01890a5d-ac96-774b-bcce-b302099a8057";
  EXPECT_EQ(enqueue(folder, {"x", "1", "--id", id}), id);
  const Ended again = folder.run({"enqueue", "x", "2", "--id", id, "--json"});
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.out, HasSubstr("\"created\":false"));
  EXPECT_THAT(again.err, HasSubstr("known already"));
  const auto jobs = folder.jobs("coterie.db");
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].payload, "1");
}

TEST(Jobs, EveryFlagOfEnqueueArrives) {
  const Folder folder;
  const std::string first = enqueue(folder, {"x"});
  enqueue(folder,
          {"y", "[1]", "-q", "mail", "-p", "-7", "--retries", "9", "--timeout", "1m30s", "--after", first});
  enqueue(folder, {"z", "--run-at", "2100-01-01T00:00:00+01:00"});
  const std::string late = enqueue(folder, {"--exec", "exit 1", "--expires-in", "0s", "-q", "own"});
  const std::string forgotten = enqueue(
      folder, {"--exec", "exit 1", "--retries", "1", "--retry-delay", "0s", "--keep", "0s", "-q", "own"});
  const auto jobs = folder.jobs("coterie.db");
  ASSERT_EQ(jobs.size(), 5U);
  EXPECT_EQ(jobs[1].queue, "mail");
  EXPECT_EQ(jobs[1].priority, -7);
  EXPECT_EQ(jobs[1].max_attempts, 10U);
  EXPECT_EQ(jobs[1].waits_for, 1U);
  EXPECT_EQ(jobs[2].run_at, 4102441200000);
  EXPECT_THAT(folder.run({"worker", "--allow-exec", "--until-idle", "-q", "own", "--json"}).out,
              HasSubstr("\"attempt\":2"));
  EXPECT_THAT(folder.run({"job", late}).out, HasSubstr("state       expired"));
  EXPECT_EQ(folder.run({"worker", "--allow-exec", "--until-idle", "-q", "own"}).code, 0);
  EXPECT_EQ(folder.run({"job", forgotten}).code, 2) << "nothing of it is kept";
}

TEST(Jobs, WaitingPrintsTheResult) {
  const Folder folder;
  const pid_t worker = folder.start({"worker", "--allow-exec", "--quiet"});
  const std::string command =
      "cd '" + folder.path("") +
      "' && '" COTERIE_BIN_DIR
      "/coterie' enqueue --exec 'echo hi' --wait > waited; echo $? > code; '" COTERIE_BIN_DIR
      "/coterie' enqueue --exec 'exit 4' --retries 0 --wait > failed 2> said; echo $? >> code";
  EXPECT_EQ(::system(command.c_str()), 0);  // NOLINT(cert-env33-c)
  EXPECT_THAT(folder.read("waited"), HasSubstr(R"("output":"hi\n")"));
  EXPECT_EQ(folder.read("failed"), "");
  EXPECT_THAT(folder.read("said"), HasSubstr("exit code 4"));
  EXPECT_EQ(folder.read("code"), "0\n1\n");
  ::kill(worker, SIGTERM);
  const Ended ended = folder.wait(worker);
  EXPECT_EQ(ended.code, 0) << ended.err;
}

TEST(Jobs, WaitThatIsTooShortSaysThatTheJobGoesOn) {
  const Folder folder;
  const Ended end = folder.run({"enqueue", "x", "--wait-at-most", "1ms"});
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.err, HasSubstr("it goes on"));
  EXPECT_EQ(trimmed(end.out).size(), 36U);
  EXPECT_EQ(folder.jobs("coterie.db").size(), 1U);
}

TEST(Jobs, QueuesAreCountedByState) {
  const Folder folder;
  enqueue(folder, {"x"});
  enqueue(folder, {"x", "--delay", "1h"});
  enqueue(folder, {"x", "--queue", "mail"});
  const Ended json = folder.run({"queues", "--json"});
  const std::vector<std::string> lines = lines_of(json.out);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], AllOf(HasSubstr(R"("queue":"default")"), HasSubstr(R"("ready":1)"),
                              HasSubstr(R"("scheduled":1)")));
  EXPECT_THAT(lines[1],
              AllOf(HasSubstr(R"("queue":"mail")"), HasSubstr(R"("ready":1)"), HasSubstr(R"("dead":0)")));
  EXPECT_THAT(folder.run({"queues"}).out,
              AllOf(HasSubstr("QUEUE"), HasSubstr("mail"), HasSubstr("LONGEST WAIT")));
}

TEST(Jobs, CancelAndRetry) {
  const Folder folder;
  const std::string id = enqueue(folder, {"x"});
  EXPECT_EQ(folder.run({"retry", id}).code, 1) << "a ready job";
  EXPECT_EQ(folder.run({"cancel", id}).code, 0);
  EXPECT_EQ(folder.jobs("coterie.db")[0].state, coterie::queue::JobState::cancelled);
  const Ended retried = folder.run({"retry", id, "--json"});
  EXPECT_EQ(retried.code, 0);
  EXPECT_THAT(retried.out, HasSubstr(R"("retried":true,"state":"ready")"));
  EXPECT_EQ(folder.run({"cancel", id}).code, 0);
  EXPECT_THAT(folder.run({"retry", "--state", "cancelled"}).out, HasSubstr("1 job is ready again"));
  const Ended unknown = folder.run({"cancel", "01890a5d-ac96-774b-bcce-b302099a8057"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.out, HasSubstr("no such job"));
}

TEST(Jobs, PurgeSaysHowManyAndAsks) {
  const Folder folder;
  enqueue(folder, {"--exec", "true"});
  enqueue(folder, {"--exec", "true", "--queue", "other"});
  ASSERT_EQ(folder.run({"worker", "--allow-exec", "--until-idle", "-q", "default", "-q", "other"}).code, 0);
  const Ended refused = folder.run({"purge", "--state", "done"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("2 jobs in all queues (2 done)"), HasSubstr("--yes")));
  EXPECT_EQ(folder.jobs("coterie.db").size(), 2U);
  const Ended one = folder.run({"purge", "--state", "all", "--queue", "other", "--yes", "--json"});
  EXPECT_EQ(one.code, 0);
  EXPECT_EQ(one.out, "{\"matched\":1,\"purged\":1}\n");
  EXPECT_EQ(folder.jobs("coterie.db").size(), 1U);
}

TEST(Jobs, TheBrokerIsAskedForNoMoreThanItTakes) {
  const Folder folder;
  const auto with = [&](std::vector<std::string> args) {
    args.insert(args.end(), {"--broker", "sqlite://x.db?batch_jobs=2"});
    return folder.run(args);
  };
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i)
    ids.push_back(trimmed(with({"enqueue", "--exec", "false", "--retries", "0"}).out));
  EXPECT_EQ(with({"worker", "--allow-exec", "--until-idle", "-j", "4"}).code, 0);
  EXPECT_EQ(with({"jobs"}).code, 0);
  EXPECT_EQ(with({"retry", "--state", "dead"}).out, "3 jobs are ready again.\n");
  EXPECT_EQ(with({"cancel", ids[0], ids[1], ids[2]}).code, 0);
  EXPECT_EQ(with({"retry", ids[0], ids[1], ids[2]}).code, 0);
  EXPECT_EQ(with({"cancel", ids[0], ids[1], ids[2]}).code, 0);
  EXPECT_EQ(with({"purge", "--state", "all", "--yes"}).code, 0);
  EXPECT_EQ(folder.jobs("x.db").size(), 0U);
  folder.write("c", "true\ntrue\ntrue\n");
  EXPECT_EQ(with({"run", "-j", "4", "--quiet", "c"}).code, 0);
  const Ended bench = with({"bench", "queue", "--force", "--jobs", "5", "--runs", "1", "--load", "1000"});
  EXPECT_EQ(bench.code, 0) << bench.err;
}

TEST(Jobs, WorkerSaysInJsonHowEachJobEnded) {
  const Folder folder;
  const std::string good = enqueue(folder, {"--exec", "true"});
  const std::string bad = enqueue(folder, {"--exec", "false", "--retries", "0"});
  const Ended end = folder.run({"worker", "--allow-exec", "--until-idle", "-j", "1", "--json"});
  const std::vector<std::string> lines = lines_of(end.out);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(json_member(lines[0], "id"), good);
  EXPECT_EQ(json_member(lines[0], "outcome"), "done");
  EXPECT_EQ(json_member(lines[1], "id"), bad);
  EXPECT_EQ(json_member(lines[1], "outcome"), "failed");
}

TEST(Worker, ItsLogHasTimesAndLevelsAndAThreshold) {
  const Folder folder;
  const std::string id = enqueue(folder, {"--exec", "true"});
  enqueue(folder, {"unheard-of", "--queue", "other"});
  enqueue(folder, {"--exec", "true", "--queue", "other"});
  const Ended loud = folder.run({"worker", "--allow-exec", "--until-idle", "--log-level", "debug"});
  EXPECT_EQ(loud.code, 0);
  EXPECT_THAT(loud.err, testing::ContainsRegex("20[0-9-]+T[0-9:.]+Z info    working on sqlite://coterie.db"));
  EXPECT_THAT(loud.err,
              AllOf(HasSubstr("Z debug   begins  job=" + id + "  handler=exec  queue=default  attempt=1"),
                    HasSubstr("stopped")));
  EXPECT_THAT(loud.out, AllOf(HasSubstr("done  " + id), Not(HasSubstr("working on"))));

  const pid_t pid = folder.start({"worker", "--allow-exec", "-q", "other", "--log-level", "warning"});
  while (folder.read(".err").find('\n') == std::string::npos) ::sched_yield();
  ::kill(pid, SIGTERM);
  const Ended quiet = folder.wait(pid);
  EXPECT_EQ(quiet.code, 0);
  EXPECT_THAT(quiet.err, HasSubstr("Z warning no handler for jobs named 'unheard-of'"));
  EXPECT_EQ(lines_of(quiet.err).size(), 1U) << quiet.err;

  const Ended wrong = folder.run({"worker", "--allow-exec", "--log-level", "loud"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_EQ(wrong.err, "coterie: --log-level 'loud': give debug, info, warning or error\n");
}

TEST(Enqueue, SaysOnceThatNoWorkerHasTakenTheJobAndHowToStartOne) {
  const Folder folder;
  const pid_t pid = folder.start({"enqueue", "--exec", "echo done", "--wait", "--queue", "own"});
  while (folder.read(".err").find('\n') == std::string::npos) ::sched_yield();
  // Not run(): the first one's output stays in its files.
  const int code = std::system(("cd '" + folder.path("") + "' && '" + COTERIE_BIN_DIR +
                                "/coterie' worker --allow-exec -q own --until-idle > /dev/null 2> worker")
                                   .c_str());
  EXPECT_EQ(WEXITSTATUS(code), 0) << folder.read("worker");
  const Ended end = folder.wait(pid);
  EXPECT_EQ(end.code, 0);
  EXPECT_THAT(end.out, HasSubstr("done"));
  EXPECT_THAT(end.err,
              AllOf(HasSubstr("no worker has taken job"), HasSubstr("`coterie worker --allow-exec -q own`")));
  EXPECT_EQ(std::count(end.err.begin(), end.err.end(), '\n'), 1) << end.err;
}

}  // namespace
}  // namespace cli_test
