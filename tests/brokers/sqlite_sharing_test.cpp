// Several processes on one file: each broker here has its own connections, locks and threads, as a process
// would.
#include <sys/wait.h>
#include <csignal>

#include "tests/brokers/sqlite_fixture.hpp"

namespace broker_suite {
namespace {

namespace sqlite = coterie::brokers::sqlite;
using std::chrono::hours;

/// The identity of a process that is gone.
std::string gone_process() {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string identity = this_process();
    const auto written = ::write(ends[1], identity.data(), identity.size());
    ::_exit(written < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::string identity(4096, '\0');
  const auto size = ::read(ends[0], identity.data(), identity.size());
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  identity.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return identity;
}

Task<std::uint64_t> change_of(Broker* broker, std::uint64_t known) {
  return broker->changed(known, hours(1));
}

class SqliteSharing : public SqliteTest {};

TEST_F(SqliteSharing, OneEnqueuesAnotherRunsAThirdLooks) {
  const auto producer = open();
  const auto consumer = open();
  const auto looker = open();
  const std::vector<JobSpec> specs = jobs(3);
  await(producer->enqueue(specs));
  TestWorker worker;
  const CycleReply taken = await(consumer->cycle(worker.next(10)));
  ASSERT_EQ(taken.leases.size(), 3U);
  EXPECT_EQ(count(*looker, JobState::leased), 3U);
  CycleRequest request = worker.next();
  for (const Lease& lease : taken.leases) request.done.emplace_back(lease.ref, "[1]");
  await(consumer->cycle(request));
  EXPECT_EQ(await(looker->get({specs[1].id}, true))[0]->result, "[1]");
  EXPECT_EQ(await(producer->enqueue(specs)), std::vector<Enqueued>(3, Enqueued::exists));
}

// Whoever opens the file takes back what those who are gone held, in a transaction of its own, and may be
// gone itself before its first call.
TEST_F(SqliteSharing, WhoWaitsForWhatEndsAtAnOpeningIsReleasedInTheSameTransaction) {
  const std::string gone = gone_process();
  ASSERT_FALSE(gone.empty());
  std::vector<JobSpec> specs = jobs(2);
  specs[1].after = {specs[0].id};
  TestWorker dead("dead", gone);
  dead.lease = hours(1);
  {
    const auto broker = open();
    await(broker->enqueue(specs));
    ASSERT_EQ(await(broker->cycle(dead.next(1))).leases.size(), 1U);
    ASSERT_EQ(await(broker->cancel({specs[0].id}))[0], CancelResult::requested);
  }
  open().reset();
  const auto broker = open();
  EXPECT_EQ(count(*broker, JobState::cancelled), 1U);
  EXPECT_EQ(count(*broker, JobState::blocked), 0U);
  EXPECT_EQ(count(*broker, JobState::ready), 1U);
}

TEST_F(SqliteSharing, TokensAndOrderAreOneSequenceForAll) {
  const auto one = open();
  const auto two = open();
  TestWorker first("first");
  TestWorker second("second");
  std::uint64_t last = 0;
  for (int round = 0; round < 20; ++round) {
    await((round % 2 == 0 ? one : two)->enqueue(jobs(1)));
    const auto reply = await(round % 3 == 0 ? one->cycle(first.next(1)) : two->cycle(second.next(1)));
    ASSERT_EQ(reply.leases.size(), 1U);
    EXPECT_GT(reply.leases[0].ref.token, last);
    last = reply.leases[0].ref.token;
  }
}

TEST_F(SqliteSharing, AWaiterHearsOfAnotherProcessesCommit) {
  const auto waiting = open();
  const auto other = open();
  for (int round = 0; round < 20; ++round) {
    const auto both = [](Broker& waiter, Broker& producer, std::vector<JobSpec> specs) -> Task<bool> {
      const std::uint64_t before = co_await waiter.version();
      auto change = coterie::spawn(change_of, &waiter, before);
      std::vector<Enqueued> created = co_await producer.enqueue(std::move(specs));
      const std::uint64_t after = co_await change;
      co_return after > before&& created.size() == 1;
    };
    EXPECT_TRUE(await(both(*waiting, *other, jobs(1))));
  }
}

TEST_F(SqliteSharing, AChangeBeforeTheWaitIsNotLost) {
  const auto waiting = open();
  const auto other = open();
  const std::uint64_t before = await(waiting->version());
  await(other->enqueue(jobs(1)));
  EXPECT_GT(await(waiting->changed(before, hours(1))), before);
}

TEST_F(SqliteSharing, IdleCyclesOfManyWakeNobodyAndWriteNothing) {
  const auto vfs = std::make_shared<Vfs>();
  const auto one = open("", vfs);
  const auto two = open();
  await(one->enqueue(jobs(1)));
  TestWorker first("first");
  TestWorker second("second");
  await(one->cycle(first.next(1)));
  const std::uint64_t version = await(one->version());
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(await(one->cycle(first.next(1))).leases.empty());
    EXPECT_TRUE(await(two->cycle(second.next(1))).leases.empty());
  }
  EXPECT_EQ(await(two->version()), version);
  EXPECT_EQ(await(one->changed(version, Milliseconds{1})), version);
}

TEST_F(SqliteSharing, LeasesOfAProcessThatIsGoneComeBackAtOnce) {
  const std::string gone = gone_process();
  ASSERT_FALSE(gone.empty());
  auto broker = open();
  const std::vector<JobSpec> specs = jobs(2);
  await(broker->enqueue(specs));
  TestWorker dead("dead", gone);
  TestWorker alive("alive", this_process());
  ASSERT_EQ(await(broker->cycle(alive.next(1))).leases.size(), 1U);
  const CycleReply taken = await(broker->cycle(dead.next(1)));
  ASSERT_EQ(taken.leases.size(), 1U);
  broker.reset();
  broker = open();  // no time has passed
  TestWorker next("next");
  const CycleReply again = await(broker->cycle(next.next(5)));
  ASSERT_EQ(again.leases.size(), 1U);
  EXPECT_EQ(again.leases[0].ref.id, taken.leases[0].ref.id);
  EXPECT_EQ(again.leases[0].attempt, 1U);
}

// A process of schema 3, which goes on while another one brings the file up to date, knows no table of
// attempts.
TEST_F(SqliteSharing, AttemptsOfJobsThatAnOlderVersionForgotAreDroppedAtTheNextOpening) {
  const std::vector<JobSpec> specs = jobs(2);
  {
    const auto broker = open();
    await(broker->enqueue(specs));
    TestWorker worker;
    CycleRequest request = worker.next(2);
    const CycleReply taken = await(broker->cycle(request));
    ASSERT_EQ(taken.leases.size(), 2U);
    request = worker.next();
    for (const Lease& lease : taken.leases)
      request.failed.emplace_back(lease.ref, FailKind::dead, JobError("exit", "no"));
    await(broker->cycle(request));
  }
  sqlite::Connection db(path(), SQLITE_OPEN_READWRITE, nullptr);
  db.exec(
      "DELETE FROM job WHERE job = 1; DELETE FROM final WHERE job = 1; DELETE FROM failure WHERE job = 1;"
      "UPDATE counts SET jobs = jobs - 1 WHERE state = 6");
  ASSERT_EQ(db.integer("SELECT count(*) FROM attempt"), 2);
  const auto broker = open();
  EXPECT_EQ(await(broker->get({specs[1].id}, true))[0].value().attempts.size(), 1U);
  await(broker->readmit({specs[1].id}));  // behind what the opening writes
  EXPECT_EQ(db.integer("SELECT count(*) FROM attempt"), 1);
}

TEST_F(SqliteSharing, ManyOpenANewFileAtTheSameTime) {
  std::vector<std::thread> threads;
  std::atomic<int> opened{0};
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { opened += open() != nullptr ? 1 : 0; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 8);
}

TEST_F(SqliteSharing, TheLastToCloseLeavesOneFile) {
  {
    const auto one = open();
    await(one->enqueue(jobs(100)));
    const auto two = open();
    await(two->enqueue(jobs(100)));
  }
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_FALSE(std::filesystem::exists(path() + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(path() + "-shm"));
}

}  // namespace
}  // namespace broker_suite
