// What people see when the file, the disk or the lock is not as it should be: one line with the thing and the
// cure, and nothing half written.
#include <fstream>

#include "src/brokers/builtin.hpp"
#include "src/brokers/sqlite/error.hpp"
#include "tests/brokers/sqlite_fixture.hpp"

namespace broker_suite {
namespace {

namespace sqlite = coterie::brokers::sqlite;

class SqliteErrors : public SqliteTest {
 protected:
  std::string refusal(const std::string& url) {
    try {
      const auto broker =
          coterie::brokers::open_sqlite_broker(coterie::brokers::parse_broker_url(url), BrokerOptions{});
    } catch (const BadBroker& error) {
      return error.what();
    }
    return "was opened";
  }
  void write_file(const std::string& name, const std::string& content) {
    std::ofstream(folder().file(name), std::ios::binary) << content;
  }
};

Task<std::vector<Enqueued>> enqueue_in(Broker* broker, std::vector<JobSpec> specs) {
  return broker->enqueue(std::move(specs));
}

#define EXPECT_SAYS(text, words) EXPECT_NE(std::string(text).find(words), std::string::npos) << (text)

TEST_F(SqliteErrors, AFileThatIsNoDatabaseIsLeftAlone) {
  const std::string content(5000, 'x');
  write_file("notes.txt", content);
  EXPECT_SAYS(refusal("sqlite://" + folder().file("notes.txt")), "notes.txt: it is not a SQLite database");
  std::ifstream in(folder().file("notes.txt"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), content);
}

TEST_F(SqliteErrors, AnotherApplicationsDatabaseIsLeftAlone) {
  {
    sqlite::Connection db(folder().file("app.db"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    db.exec("CREATE TABLE theirs(x)");
  }
  EXPECT_SAYS(refusal("sqlite://" + folder().file("app.db")), "the database of another application");
}

TEST_F(SqliteErrors, ANewerSchemaAsksForAnUpdate) {
  open();
  {
    sqlite::Connection db(path(), SQLITE_OPEN_READWRITE, nullptr);
    db.exec("PRAGMA user_version = 7");
  }
  EXPECT_SAYS(refusal("sqlite://" + path()),
              "made by a newer coterie (schema 7, this one knows 4): update coterie");
  sqlite::Connection db(path(), SQLITE_OPEN_READWRITE, nullptr);
  db.exec("PRAGMA user_version = 4");
}

TEST_F(SqliteErrors, AnOlderSchemaNamesTheWaysOut) {
  open();
  {
    sqlite::Connection db(path(), SQLITE_OPEN_READWRITE, nullptr);
    db.exec("PRAGMA user_version = 1");
  }
  EXPECT_SAYS(refusal("sqlite://" + path()),
              "made by an older coterie (schema 1, this one needs 2 or later)");
  EXPECT_SAYS(refusal("sqlite://" + path()), "name another file");
  sqlite::Connection db(path(), SQLITE_OPEN_READWRITE, nullptr);
  db.exec("PRAGMA user_version = 4");
}

TEST_F(SqliteErrors, AFileOfTheSchemaBeforeIsBroughtUpToDateAndKeepsItsJobs) {
  const std::vector<JobSpec> old = jobs(1);
  await(open()->enqueue(old));
  {
    sqlite::Connection db(path(), SQLITE_OPEN_READWRITE, nullptr);
    db.exec("INSERT INTO failure SELECT job, 'exit', 'no' FROM job");
    db.exec("ALTER TABLE job DROP COLUMN headers; DROP TABLE attempt; PRAGMA user_version = 2");
  }
  const auto broker = open();
  std::vector<JobSpec> fresh = jobs(1);
  fresh[0].headers["tenant"] = "blue";
  await(broker->enqueue(fresh));
  const std::vector<std::optional<JobInfo>> found = await(broker->get({old[0].id, fresh[0].id}, true));
  ASSERT_TRUE(found[0] && found[1]);
  EXPECT_EQ(found[0]->payload, old[0].payload);
  EXPECT_TRUE(found[0]->headers.empty());
  EXPECT_EQ(found[0]->error.value().message, "no");
  EXPECT_TRUE(found[0]->attempts.empty()) << "they were not kept then";
  EXPECT_EQ(found[1]->headers, fresh[0].headers);
  sqlite::Connection db(path(), SQLITE_OPEN_READONLY, nullptr);
  EXPECT_EQ(db.integer("PRAGMA user_version"), sqlite::schema_version);
}

TEST_F(SqliteErrors, AFileThatIsDeletedUnderItsUsersIsSaid) {
  const auto broker = open();
  await(broker->enqueue(jobs(1)));
  std::filesystem::remove(path());
  try {
    await(broker->enqueue(jobs(1)));
    FAIL() << "it was written where nobody will find it";
  } catch (const BadBroker& error) {
    EXPECT_SAYS(error.what(), path() + ": the file was deleted, moved or replaced");
  }
}

TEST_F(SqliteErrors, AFileCutShortIsDamaged) {
  {
    const auto broker = open();
    await(broker->enqueue(jobs(500)));
  }
  const auto size = std::filesystem::file_size(path());
  const std::string cut = folder().file("cut.db");
  std::filesystem::copy_file(path(), cut);
  std::filesystem::resize_file(cut, size / 2 / 8192 * 8192);
  EXPECT_SAYS(refusal("sqlite://" + cut), "damaged or cut short");
  std::filesystem::resize_file(cut, 100);
  EXPECT_SAYS(refusal("sqlite://" + cut), "damaged or cut short");
}

TEST_F(SqliteErrors, APlaceThatCannotBeNamesWhatIsMissing) {
  EXPECT_SAYS(refusal("sqlite://" + folder().file("no/such/jobs.db")),
              "/no/such cannot be used (No such file or directory): create it first");
  std::filesystem::create_directory(folder().file("sub"));
  EXPECT_SAYS(refusal("sqlite://" + folder().file("sub")), "it is a directory: name a file in it");
  write_file("plain", "");
  EXPECT_SAYS(refusal("sqlite://" + folder().file("plain/jobs.db")), "is not a directory");
  EXPECT_SAYS(refusal("sqlite:///dev/null"), "not a regular file");
  EXPECT_SAYS(refusal("sqlite:///proc/x.db"), "choose a");
  EXPECT_SAYS(refusal("sqlite://"), "names no file");
  EXPECT_SAYS(refusal("sqlite://:memory:"), "is memory://");
  EXPECT_FALSE(std::filesystem::exists(":memory:"));
  EXPECT_SAYS(refusal("sqlite://x.db?synchronous=maybe"), "not full, normal or off");
  EXPECT_SAYS(refusal("sqlite://x.db?busy_timeout_ms=-1"), "busy_timeout_ms=-1");
  EXPECT_SAYS(refusal("sqlite://x.db?sync=full"), "unknown option 'sync'");
  EXPECT_FALSE(std::filesystem::exists("x.db"));
}

TEST_F(SqliteErrors, AReadOnlyFolderOrFileSaysSo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  namespace fs = std::filesystem;
  fs::create_directory(folder().file("locked"));
  fs::permissions(folder().file("locked"), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_SAYS(refusal("sqlite://" + folder().file("locked/jobs.db")), "cannot be written");
  fs::permissions(folder().file("locked"), fs::perms::owner_all);
  open();
  fs::permissions(path(), fs::perms::owner_read);
  EXPECT_SAYS(refusal("sqlite://" + path()), "cannot be read and written");
  fs::permissions(path(), fs::perms::owner_all);
}

/// A disk that fills up when a test says so.
class FullDisk final : public sqlite::SyncCounter {
 public:
  int before_write(const char*, std::int64_t, int) override {
    return left.fetch_sub(1) > 0 ? SQLITE_OK : SQLITE_FULL;
  }
  std::atomic<int> left{1'000'000};
};

TEST_F(SqliteErrors, AFullDiskRefusesTheCallAndKeepsEverything) {
  const auto disk = std::make_shared<FullDisk>();
  const auto broker = open("", disk);
  await(broker->enqueue(jobs(10)));
  const std::vector<JobSpec> more = jobs(2000);
  for (const int writes : {0, 1, 7, 20}) {
    disk->left = writes;
    EXPECT_SAYS(error_of<BrokerUnavailable>(broker->enqueue(more)),
                "no space left for it; nothing was written");
    disk->left = 1'000'000;
    EXPECT_EQ(count(*broker, JobState::ready), 10U);
  }
  TestWorker worker;
  const CycleReply taken = await(broker->cycle(worker.next(10)));
  ASSERT_EQ(taken.leases.size(), 10U);
  CycleRequest request = worker.next();
  for (const Lease& lease : taken.leases) request.done.emplace_back(lease.ref, "1");
  disk->left = 0;
  EXPECT_SAYS(error_of<BrokerUnavailable>(broker->cycle(request)), "then repeat");
  disk->left = 1'000'000;
  const CycleReply repeated = await(broker->cycle(request));
  EXPECT_EQ(repeated.done, std::vector<Verdict>(10, Verdict::accepted));
  EXPECT_EQ(await(broker->enqueue(more)), std::vector<Enqueued>(2000, Enqueued::created));
}

TEST_F(SqliteErrors, ADiskThatIsFullAlreadyIsNoErrorOfTheFileSystem) {
  try {
    sqlite::throw_unavailable(sqlite::SqliteError(SQLITE_IOERR_SHMSIZE, "disk I/O error"), "/full/jobs.db");
  } catch (const BrokerUnavailable& error) {
    EXPECT_SAYS(std::string(error.what()), "no space left for /full/jobs.db-shm");
  }
}

TEST_F(SqliteErrors, SomebodyElsesLockIsWaitedForThenNamed) {
  const auto broker = open("&busy_timeout_ms=1");
  await(broker->enqueue(jobs(1)));
  {
    sqlite::Connection other(path(), SQLITE_OPEN_READWRITE, nullptr);
    other.exec("BEGIN IMMEDIATE");
    EXPECT_SAYS(error_of<BrokerUnavailable>(broker->enqueue(jobs(1))),
                "locked for too long: repeat, or raise busy_timeout_ms");
    EXPECT_EQ(count(*broker, JobState::ready), 1U) << "who reads does not wait for who writes";
    other.exec("ROLLBACK");
  }
  EXPECT_EQ(await(broker->enqueue(jobs(1))).size(), 1U);
}

TEST_F(SqliteErrors, OnlyTheGuiltyCallOfAGroupFails) {
  const auto broker = open();
  std::vector<JobSpec> orphan = jobs(1);
  orphan[0].after.push_back(new_uuid());
  const auto together = [](Broker& store, std::vector<JobSpec> good, std::vector<JobSpec> bad,
                           std::vector<JobSpec> also_good) -> Task<int> {
    auto first = coterie::spawn(enqueue_in, &store, std::move(good));
    auto second = coterie::spawn(enqueue_in, &store, std::move(bad));
    auto third = coterie::spawn(enqueue_in, &store, std::move(also_good));
    const std::vector<Enqueued> of_first = co_await first;
    const std::vector<Enqueued> of_third = co_await third;
    const int created = static_cast<int>(of_first.size() + of_third.size());
    bool refused = false;
    try {
      co_await second;
    } catch (const BadRequest&) {
      refused = true;
    }
    co_return refused ? created : -1;
  };
  EXPECT_EQ(await(together(*broker, jobs(3), orphan, jobs(4))), 7);
  EXPECT_EQ(count(*broker, JobState::ready), 7U);
}

}  // namespace
}  // namespace broker_suite
