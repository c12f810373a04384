// coterie run, killed at any moment and started again: every command runs, none that has ended runs again.
#include <gtest/gtest.h>
#include <sched.h>
#include <sqlite3.h>
#include <csignal>

#include <chrono>
#include <random>
#include <set>

#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using coterie::queue::JobInfo;
using coterie::queue::JobState;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int line_count = 300;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr int line_count = 300;
#else
constexpr int line_count = 2000;
#endif
#else
constexpr int line_count = 2000;
#endif
constexpr int slots = 8;

std::string appending_lines(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) text += "echo " + std::to_string(i) + " >> out.txt\n";
  return text;
}

std::vector<std::string> command() {
  return {"run",     "-j",      std::to_string(slots), "--broker", "sqlite://x.db", "--results",
          "r.jsonl", "cmds.txt"};
}

/// What must hold at the end, after so many kills.
void expect_complete(const Folder& folder, int kills) {
  const std::vector<std::string> out = folder.lines("out.txt");
  EXPECT_LE(out.size(), static_cast<std::size_t>(line_count + kills * slots));
  EXPECT_EQ(std::set<std::string>(out.begin(), out.end()).size(), static_cast<std::size_t>(line_count));
  std::set<std::string> done;
  for (const JobInfo& job : folder.jobs("x.db")) {
    EXPECT_EQ(job.state, JobState::done);
    done.insert(job.id.str());
  }
  EXPECT_EQ(done.size(), static_cast<std::size_t>(line_count));
  // In the order of the input, one line a job.
  const std::vector<std::string> results = folder.lines("r.jsonl");
  ASSERT_EQ(results.size(), static_cast<std::size_t>(line_count));
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_TRUE(done.contains(results[i].substr(7, 36))) << results[i];
    EXPECT_NE(results[i].find("\"line\":" + std::to_string(i + 1) + ","), std::string::npos) << results[i];
    EXPECT_TRUE(results[i].ends_with('}'));
  }
}

TEST(RunKill, EveryCommandRunsAndNothingFinishedRunsAgain) {
  const unsigned seed = 20261105;
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  const Folder folder;
  folder.write("cmds.txt", appending_lines(line_count));
  int kills = 0;
  for (int i = 0; i < 5; ++i) {
    Changes changes(folder.path(""));
    const pid_t pid = folder.start(command());
    // Writes of the commands; fewer than are left at any rate.
    changes.wait("out.txt", std::uniform_int_distribution<int>(1, line_count / 6)(random), pid);
    ::kill(pid, SIGKILL);
    ASSERT_EQ(folder.wait(pid).code, 128 + SIGKILL) << "it had ended before: " << folder.read(".err");
    ++kills;
  }
  const Ended end = folder.run(command());
  EXPECT_EQ(end.code, 0) << end.err;
  expect_complete(folder, kills);
}

/// Jobs that are committed, as somebody sees who takes part in nothing; 0 while there are no tables.
std::int64_t committed_jobs(const Folder& folder) {
  sqlite3* db = nullptr;
  std::int64_t jobs = 0;
  const auto take = [](void* sum, int, char** row, char**) {
    if (row[0] != nullptr) *static_cast<std::int64_t*>(sum) = std::stoll(row[0]);
    return 0;
  };
  if (sqlite3_open_v2(folder.path("x.db").c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK)
    (void)sqlite3_exec(db, "SELECT sum(jobs) FROM counts", take, &jobs, nullptr);
  sqlite3_close(db);
  return jobs;
}

TEST(RunKill, KilledWhileEnqueueing) {
  // Many small batches: with those of 500 the last one comes too soon.
  constexpr int batch = slots;
  std::vector<std::string> small = command();
  for (std::string& word : small)
    if (word == "sqlite://x.db") word += "?batch_jobs=" + std::to_string(batch);
  const Folder folder;
  folder.write("cmds.txt", appending_lines(line_count));
  int kills = 0;
  int in_the_middle = 0;
  std::int64_t jobs = 0;
  while (kills < 6 && jobs < line_count) {
    Changes changes(folder.path(""));
    const pid_t pid = folder.start(small);
    const std::int64_t before = jobs;
    do {
      changes.wait("x.db-wal", 1, pid);
      jobs = committed_jobs(folder);
    } while (jobs <= before && !is_gone(pid));
    ::kill(pid, SIGKILL);
    ASSERT_EQ(folder.wait(pid).code, 128 + SIGKILL) << "it had ended before: " << folder.read(".err");
    ++kills;
    jobs = committed_jobs(folder);
    EXPECT_EQ(jobs % batch, 0) << "half a batch";
    if (jobs < line_count) {
      ++in_the_middle;
      EXPECT_FALSE(folder.exists("out.txt")) << "a command ran before all lines were enqueued";
    }
  }
  RecordProperty("kills_in_the_middle", in_the_middle);
  EXPECT_GE(in_the_middle, 1) << "every kill came too late to show anything";
  const Ended end = folder.run(small);
  EXPECT_EQ(end.code, 0) << end.err;
  expect_complete(folder, kills);
}

/// A kill is sent by the kernel, or by a process of its own, that we cannot wait for.
bool soon_gone(pid_t pid) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is_gone(pid) && std::chrono::steady_clock::now() < deadline) ::sched_yield();
  return is_gone(pid);
}

TEST(RunKill, CommandsDieWithItAndWhatTheyHadStarted) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write("cmds.txt", "sh -c 'echo $$ > pid; echo > up; exec sleep 1000'; echo not reached\n");
  const pid_t pid = folder.start({"run", "cmds.txt"});
  (void)folder.wait_at("up");
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  EXPECT_TRUE(soon_gone(std::stoi(folder.read("pid"))));
}

TEST(RunKill, CommandsThatClearedTheirEnvironmentDieToo) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write("cmds.txt",
               "env -i /bin/sh -c 'echo $$ > pid; echo > up; exec /bin/sleep 1000'; echo not reached\n");
  const pid_t pid = folder.start({"run", "cmds.txt"});
  (void)folder.wait_at("up");
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  EXPECT_TRUE(soon_gone(std::stoi(folder.read("pid"))));
}

TEST(RunKill, DaemonsAreLeftAlone) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write("cmds.txt",
               "setsid sh -c 'echo $$ > pid; exec sleep 1000' & echo $! > child; "
               "sh -c 'echo $$ > other; echo > up; exec sleep 1000'\n");
  const pid_t pid = folder.start({"run", "cmds.txt"});
  (void)folder.wait_at("up");
  while (folder.read("pid").empty()) ::sched_yield();
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  EXPECT_TRUE(soon_gone(std::stoi(folder.read("other"))));
  const pid_t daemon = std::stoi(folder.read("pid"));
  EXPECT_FALSE(is_gone(daemon));
  ::kill(daemon, SIGKILL);
}

TEST(RunKill, ATornResultsFileIsMended) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write("cmds.txt", "echo a\necho b\nif [ ! -e go ]; then echo > up; exec sleep 1000; fi\n");
  const std::vector<std::string> args{"run", "-j", "1", "--results", "r.jsonl", "cmds.txt"};
  const pid_t pid = folder.start(args);
  (void)folder.wait_at("up");  // with one slot, the first two have ended and were acknowledged
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  const std::string before = folder.read("r.jsonl");
  ASSERT_EQ(folder.lines("r.jsonl").size(), 2U) << before;
  folder.write("r.jsonl", before.substr(0, before.size() - 20));
  folder.write("go", "");
  const Ended end = folder.run(args);
  EXPECT_EQ(end.code, 0) << end.err;
  const std::vector<std::string> results = folder.lines("r.jsonl");
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0] + "\n" + results[1] + "\n", before);
  EXPECT_FALSE(folder.exists("r.jsonl.part"));
}

}  // namespace
}  // namespace cli_test
