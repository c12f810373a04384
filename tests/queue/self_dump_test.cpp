// A dump that is too long for an answer: what is left out, and that it says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <string>

#include "coterie/queue/json.hpp"
#include "src/queue/self_dump.hpp"

namespace queue_tests {
namespace {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace)
using boost::json::value;
using ::testing::EndsWith;

std::string task(int id, const std::string& name, bool running = false) {
  return R"({"id":)" + std::to_string(id) + R"(,"name":")" + name + R"(","running":)" +
         (running ? "true" : "false") + "}";
}
std::string dump_of(const std::string& tasks, const std::string& deadlocks = "[]") {
  return R"({"schema":1,"loops":[{"task_count":5,"tasks":[)" + tasks + R"(],"deadlocks":)" + deadlocks +
         "}]}\n";
}
std::vector<std::int64_t> ids_of(const std::string& dump) {
  std::vector<std::int64_t> ids;
  const value document = from_json<value>(dump);
  for (const value& one : document.at("loops").at(0).at("tasks").as_array())
    ids.push_back(one.at("id").as_int64());
  return ids;
}

TEST(SelfDump, IsLeftAloneWhereItFits) {
  const std::string dump = dump_of(task(1, "a"));
  const WorkerAnswer answer = fit_dump(dump, dump.size());
  EXPECT_EQ(answer.outcome, Asked::answered);
  EXPECT_EQ(answer.text, dump);
}

TEST(SelfDump, LeavesOutFirstWhatIsNeitherStuckNorRunsNorRunsAJob) {
  const std::string filler(400, 'x');
  const std::string dump =
      dump_of(task(1, filler) + "," + task(2, "resize " + new_uuid().str()) + "," + task(3, "in a circle") +
                  "," + task(4, "runs", true) + "," + task(5, filler),
              R"([[{"task":3,"waits_for":3,"object":null}]])");
  const WorkerAnswer answer = fit_dump(dump, 600);
  EXPECT_EQ(answer.outcome, Asked::cut);
  EXPECT_LE(answer.text.size(), 600U);
  EXPECT_EQ(ids_of(answer.text), (std::vector<std::int64_t>{2, 3, 4}));
  const value document = from_json<value>(answer.text);
  EXPECT_EQ(document.at("loops").at(0).at("left_out"), 2);
  EXPECT_EQ(document.at("loops").at(0).at("task_count"), 5);
}

TEST(SelfDump, IsRefusedWhereWhatIsNoTaskIsTooLong) {
  const std::string dump = dump_of(task(1, "a"), "[" + std::string(1000, ' ') + "[{\"task\":1,\"object\":\"" +
                                                     std::string(1000, 'x') + "\"}]]");
  EXPECT_EQ(fit_dump(dump, 500).outcome, Asked::refused);
}

TEST(SelfDump, TextIsCutAtTheEndOfALineAndSaysSo) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "a line of text\n";
  const WorkerAnswer answer = fit_text(text, 300);
  EXPECT_EQ(answer.outcome, Asked::cut);
  EXPECT_LE(answer.text.size(), 300U);
  EXPECT_THAT(answer.text, EndsWith(" bytes are left out\n"));
  EXPECT_EQ(answer.text.find("a line of tex…"), std::string::npos);
}

}  // namespace
}  // namespace queue_tests
