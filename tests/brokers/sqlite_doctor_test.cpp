// What coterie doctor says of a file, and that it leaves everything as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/statfs.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "coterie/queue/doctor.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/findings.hpp"
#include "tests/brokers/temp_folder.hpp"

namespace broker_suite {
namespace {

using coterie::queue::diagnose;
using coterie::queue::Diagnosis;
using coterie::queue::Finding;
using coterie::queue::Health;
using testing::HasSubstr;

std::shared_ptr<Broker> open_with_jobs(const std::string& path, std::size_t count) {
  auto broker = coterie::queue::open_broker("sqlite://" + path);
  coterie::testing::VirtualLoop loop;
  std::vector<JobSpec> jobs(count);
  for (JobSpec& job : jobs) job = BrokerSuite::job();
  loop.run(broker->enqueue(std::move(jobs)));
  return broker;
}

std::set<std::string> names(const std::string& folder) {
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    all.insert(entry.path().filename().string());
  return all;
}
/// Names and contents.
std::set<std::pair<std::string, std::string>> contents(const std::string& folder) {
  std::set<std::pair<std::string, std::string>> all;
  for (const std::string& name : names(folder)) {
    std::ifstream in(folder + "/" + name, std::ios::binary);
    all.emplace(name, std::string(std::istreambuf_iterator<char>(in), {}));
  }
  return all;
}

TEST(SqliteDoctor, AFileAtRestHasNoProblemAndNothingIsMadeBesideIt) {
  const TempFolder folder;
  open_with_jobs(folder.file("jobs.db"), 200).reset();
  const auto before = contents(folder.path());
  ASSERT_EQ(before.size(), 1U);
  const Diagnosis diagnosis = diagnose("sqlite://" + folder.file("jobs.db"));
  EXPECT_NE(diagnosis.worst(), Health::problem);
  for (const char* check : {"file", "log", "synchronous", "schema", "journal", "pages", "integrity"})
    EXPECT_EQ(finding(diagnosis, check).health, Health::ok) << finding(diagnosis, check).found;
  EXPECT_EQ(finding(diagnosis, "journal").found, "write-ahead log");
  EXPECT_THAT(finding(diagnosis, "pages").found, HasSubstr("; 200 jobs, "));
  EXPECT_EQ(contents(folder.path()), before);
}

TEST(SqliteDoctor, AFileInUseIsReadWithItsLog) {
  const TempFolder folder;
  const auto broker = open_with_jobs(folder.file("jobs.db"), 50);
  const std::set<std::string> before = names(folder.path());
  ASSERT_EQ(before.size(), 3U);
  const Diagnosis diagnosis = diagnose("sqlite://" + folder.file("jobs.db"));
  EXPECT_NE(diagnosis.worst(), Health::problem);
  EXPECT_THAT(finding(diagnosis, "pages").found, HasSubstr("; 50 jobs, "));
  EXPECT_EQ(finding(diagnosis, "integrity").health, Health::ok);
  EXPECT_EQ(names(folder.path()), before);
  coterie::testing::VirtualLoop loop;
  EXPECT_EQ(loop.run(broker->queues()).at(0).counts.at(JobState::ready), 50U)
      << "its locks are its own still";
}

TEST(SqliteDoctor, ALogWithoutItsIndexIsLeftAlone) {
  const TempFolder folder;
  const TempFolder copy;
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("jobs.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE t(a)", nullptr, nullptr, nullptr),
            SQLITE_OK);
  for (const char* name : {"jobs.db", "jobs.db-wal"})
    std::filesystem::copy_file(folder.file(name), copy.file(name));
  sqlite3_close(db);
  const auto before = contents(copy.path());
  const Finding inside = finding(diagnose("sqlite://" + copy.file("jobs.db")), "contents");
  EXPECT_EQ(inside.health, Health::unknown);
  EXPECT_THAT(inside.found, HasSubstr("a log stands beside it without its index"));
  EXPECT_EQ(contents(copy.path()), before);
}

TEST(SqliteDoctor, ADamagedFileIsAProblem) {
  const TempFolder folder;
  const std::string path = folder.file("jobs.db");
  open_with_jobs(path, 2000).reset();
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(3 * 8192);
    file << std::string(std::size_t{4} * 8192, '\x5a');
  }
  const Finding integrity = finding(diagnose("sqlite://" + path), "integrity");
  EXPECT_EQ(integrity.health, Health::problem);
  EXPECT_THAT(integrity.change, HasSubstr(".recover"));
  std::ofstream(path, std::ios::binary) << "this is a letter, and a long one, " << std::string(500, '.');
  EXPECT_THAT(finding(diagnose("sqlite://" + path), "integrity").found, HasSubstr("not a database"));
}

TEST(SqliteDoctor, TheDatabaseOfAnotherApplicationIsAProblem) {
  const TempFolder folder;
  const std::string path = folder.file("a b%?#'.db");
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "CREATE TABLE t(a)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const Diagnosis diagnosis = diagnose("sqlite://" + folder.file("a b%25%3F%23'.db"));
  EXPECT_EQ(finding(diagnosis, "schema").found, "it is the database of another application");
  EXPECT_EQ(finding(diagnosis, "schema").health, Health::problem);
  EXPECT_EQ(finding(diagnosis, "journal").health, Health::warning);
  EXPECT_EQ(finding(diagnosis, "integrity").health, Health::ok);
}

TEST(SqliteDoctor, ANewerSchemaIsAProblem) {
  const TempFolder folder;
  const std::string path = folder.file("jobs.db");
  open_with_jobs(path, 1).reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const Finding schema = finding(diagnose("sqlite://" + path), "schema");
  EXPECT_EQ(schema.health, Health::problem);
  EXPECT_EQ(schema.change, "update coterie");
}

TEST(SqliteDoctor, AMoveThatHasNotEndedIsAProblemWithTheWayOn) {
  const TempFolder folder;
  const std::string path = folder.file("q.db");
  const auto broker = open_with_jobs(path, 1);
  coterie::testing::VirtualLoop loop;
  const std::string note =
      R"({"version":1,"to":"redis://there","queues":[],"paused":[],"owner":"","sent_at":0})";
  ASSERT_TRUE(loop.run(broker->put_note("coterie.move", std::nullopt, note)));
  const Finding left = finding(diagnose("sqlite://" + path), "move");
  EXPECT_EQ(left.health, Health::problem);
  EXPECT_THAT(left.change,
              HasSubstr("coterie move --from 'sqlite://" + path + "' --to 'redis://there' goes on"));
}

TEST(SqliteDoctor, AMoveToHereThatHasNotEndedIsSaidWithWhereItWasBegun) {
  const TempFolder folder;
  const std::string path = folder.file("q.db");
  const auto broker = open_with_jobs(path, 1);
  coterie::testing::VirtualLoop loop;
  const std::string note = R"([{"id":"1","url":"redis://127.0.0.1","host":"elsewhere"}])";
  ASSERT_TRUE(loop.run(broker->put_note("coterie.move.sources", std::nullopt, note)));
  const Finding open = finding(diagnose("sqlite://" + path), "move to here");
  EXPECT_EQ(open.health, Health::warning);
  EXPECT_EQ(open.found, "one from redis://127.0.0.1 (so called on host 'elsewhere') has not ended");
  EXPECT_THAT(open.change, HasSubstr("on host 'elsewhere': coterie move --from 'redis://127.0.0.1' --to "
                                     "'sqlite://" +
                                     path + "' goes on with it"));
}

TEST(SqliteDoctor, ASchemaThatIsBroughtUpToDateIsFine) {
  const TempFolder folder;
  const std::string path = folder.file("jobs.db");
  open_with_jobs(path, 1).reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  const char* const before =
      "ALTER TABLE job DROP COLUMN headers; DROP TABLE attempt; PRAGMA user_version = 2";
  ASSERT_EQ(sqlite3_exec(db, before, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const Finding schema = finding(diagnose("sqlite://" + path), "schema");
  EXPECT_EQ(schema.health, Health::ok);
  EXPECT_EQ(schema.found, "2, which a broker that opens it makes 4");
}

TEST(SqliteDoctor, LessThanFullSyncIsAWarning) {
  const TempFolder folder;
  open_with_jobs(folder.file("jobs.db"), 1).reset();
  const std::string url = "sqlite://" + folder.file("jobs.db");
  EXPECT_EQ(finding(diagnose(url + "?synchronous=normal"), "synchronous").health, Health::warning);
  EXPECT_THAT(finding(diagnose(url + "?synchronous=off"), "synchronous").meaning, HasSubstr("damage"));
}

TEST(SqliteDoctor, AFileInMemoryIsAWarning) {
  struct statfs info{};
  constexpr long tmpfs = 0x01021994;
  if (::statfs("/dev/shm", &info) != 0 || info.f_type != tmpfs) GTEST_SKIP() << "/dev/shm is no tmpfs";
  const std::string path = "/dev/shm/coterie-doctor-" + coterie::queue::new_uuid().str() + ".db";
  open_with_jobs(path, 1).reset();
  const Finding system = finding(diagnose("sqlite://" + path), "file system");
  std::filesystem::remove(path);
  EXPECT_EQ(system.health, Health::warning);
  EXPECT_EQ(system.found, "tmpfs");
}

TEST(SqliteDoctor, WhereThereIsNoQueueItThrowsAndMakesNone) {
  const TempFolder folder;
  EXPECT_THROW((void)diagnose("sqlite://" + folder.file("none.db")), BadBroker);
  EXPECT_THROW((void)diagnose("sqlite://" + folder.path()), BadBroker);
  EXPECT_THROW((void)diagnose("sqlite://" + folder.file("none.db") + "?sync=full"), BadBroker);
  EXPECT_TRUE(contents(folder.path()).empty());
}

TEST(MemoryDoctor, ThereIsNothingToLookAt) {
  const Diagnosis diagnosis = diagnose("memory://");
  EXPECT_EQ(diagnosis.worst(), Health::ok);
  EXPECT_THAT(finding(diagnosis, "broker").meaning, HasSubstr("nothing to look at"));
  EXPECT_THROW((void)diagnose("carrier://pigeon"), BadBroker);
}

}  // namespace
}  // namespace broker_suite
