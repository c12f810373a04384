// SIGKILL and power cuts: what was confirmed is there, what was not is there whole or not at all.
#include <sys/wait.h>
#include <csignal>
#include <cstring>
#include <fstream>
#include <random>

#include "tests/brokers/sqlite_fixture.hpp"

namespace broker_suite {
namespace {

namespace sqlite = coterie::brokers::sqlite;

constexpr std::size_t batch_size = 20;

/// A worker's life against `broker`: enqueues batches and finishes what it takes, and says after each
/// confirmed call how many jobs were confirmed as enqueued and as done. Ends when `confirmed` returns false.
Task<void> busy_life(Broker* broker, std::function<bool(std::uint64_t, std::uint64_t)> confirmed) {
  TestWorker worker("busy", this_process());
  CycleRequest request = worker.next(batch_size);
  std::uint64_t enqueued = 0;
  std::uint64_t done = 0;
  for (;;) {
    std::vector<JobSpec> specs;
    for (std::size_t i = 0; i < batch_size; ++i) {
      specs.emplace_back("noop", std::string(i == 7 ? 5000 : 100, 'p')).id = new_uuid();
    }
    const std::vector<Enqueued> replies = co_await broker->enqueue(std::move(specs));
    enqueued += replies.size();
    const std::size_t finishing = request.done.size();
    const CycleReply reply = co_await broker->cycle(request);
    done += finishing;
    if (!confirmed(enqueued, done)) co_return;
    request = worker.next(batch_size);
    for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, "\"result\"");
  }
}

struct Counts {
  std::uint64_t all = 0;
  std::uint64_t done = 0;
};

class SqliteCrash : public SqliteTest {
 protected:
  Counts counts() {
    const auto broker = open();
    Counts counts;
    for (const QueueInfo& queue : await(broker->queues())) {
      for (const auto& [state, jobs] : queue.counts) {
        counts.all += jobs;
        if (state == JobState::done) counts.done += jobs;
      }
    }
    return counts;
  }
  std::int64_t pages() {
    sqlite::Connection db(path(), SQLITE_OPEN_READWRITE, nullptr);
    return db.integer("PRAGMA page_count");
  }
};

TEST_F(SqliteCrash, AKillInTheMiddleLosesNothingConfirmedAndLeavesNothingHalfWritten) {
  Counts before;
  std::mt19937 random(20'260'101);
  for (int round = 0; round < 6; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();  // no broker is open here: the child's is the only one
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto broker = open();
      await(busy_life(broker.get(), [&](std::uint64_t enqueued, std::uint64_t done) {
        const std::uint64_t said[2] = {enqueued, done};
        return ::write(ends[1], said, sizeof said) == sizeof said;
      }));
      ::_exit(0);
    }
    ::close(ends[1]);
    // The kill comes as the child goes on after a report, at whatever it then does.
    std::uint64_t said[2] = {0, 0};
    const unsigned reports = 3 + static_cast<unsigned>(random() % 20);
    for (unsigned i = 0; i < reports; ++i)
      ASSERT_EQ(::read(ends[0], said, sizeof said), static_cast<ssize_t>(sizeof said));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::uint64_t more[2];
    while (::read(ends[0], more, sizeof more) == static_cast<ssize_t>(sizeof more))
      std::memcpy(said, more, sizeof said);
    ::close(ends[0]);

    check_sqlite_invariants(path());
    const Counts after = counts();
    EXPECT_EQ(after.all % batch_size, 0U) << "a batch is there as a whole or not at all";
    EXPECT_GE(after.all, before.all + said[0]);
    EXPECT_LE(after.all, before.all + said[0] + batch_size);
    EXPECT_GE(after.done, before.done + said[1]);
    EXPECT_LE(after.done, before.done + said[1] + batch_size);
    before = after;
  }
  const auto broker = open();
  EXPECT_EQ(count(*broker, JobState::leased), 0U) << "all holders are gone";
}

/// A disk that loses its power at the nth write: what was synced is there; of the rest, each sector is or is
/// not.
class PowerCut final : public sqlite::SyncCounter {
 public:
  PowerCut(std::string database, std::uint32_t seed) : database_(std::move(database)), random_(seed) {
    for (const char* suffix : {"", "-wal"}) durable_[database_ + suffix] = read(database_ + suffix);
  }

  int before_write(const char*, std::int64_t, int) override {
    return off || left.fetch_sub(1) <= 0 ? cut() : SQLITE_OK;
  }
  int before_sync(const char* path) override {
    if (off) return SQLITE_IOERR_FSYNC;
    const std::lock_guard lock(mutex_);
    durable_[path] = read(path);
    return SQLITE_OK;
  }
  /// When every connection is closed: the files as the disk has them when the power is back.
  void come_back() {
    for (const char* suffix : {"", "-wal"}) {
      const std::string path = database_ + suffix;
      std::string now = at_cut_[path];
      const std::string& safe = durable_[path];
      constexpr std::size_t sector = 512;
      now.resize(std::max(now.size(), safe.size()));
      for (std::size_t at = 0; at < now.size(); at += sector) {
        if (random_() % 2 == 0) continue;
        const std::size_t size = std::min(sector, now.size() - at);
        std::string old(size, '\0');
        if (at < safe.size()) safe.copy(old.data(), size, at);
        now.replace(at, size, old);
      }
      std::ofstream(path, std::ios::binary | std::ios::trunc) << now;
    }
    std::filesystem::remove(database_ + "-shm");
  }
  std::atomic<int> left{1'000'000};
  std::atomic<bool> off{false};

 private:
  static std::string read(const std::string& path) {
    std::error_code none;
    const auto size = std::filesystem::file_size(path, none);
    std::string content(none ? 0 : size, '\0');
    std::ifstream(path, std::ios::binary).read(content.data(), static_cast<std::streamsize>(content.size()));
    return content;
  }
  int cut() {
    const std::lock_guard lock(mutex_);
    if (!off) {
      for (const char* suffix : {"", "-wal"}) at_cut_[database_ + suffix] = read(database_ + suffix);
      off = true;
    }
    return SQLITE_IOERR_WRITE;
  }
  std::string database_;
  std::mt19937 random_;
  std::mutex mutex_;
  std::map<std::string, std::string> durable_;
  std::map<std::string, std::string> at_cut_;
};

TEST_F(SqliteCrash, APowerCutLosesNothingConfirmed) {
  Counts before;
  std::mt19937 random(4711);
  int with_progress = 0;
  for (std::uint32_t round = 0; round < 8; ++round) {
    const auto disk = std::make_shared<PowerCut>(path(), round);
    std::uint64_t enqueued = 0;
    std::uint64_t done = 0;
    {
      const auto broker = open("&synchronous=full", disk);
      disk->left = 20 + static_cast<int>(random() % 400);
      try {
        await(busy_life(broker.get(), [&](std::uint64_t e, std::uint64_t d) {
          enqueued = e;
          done = d;
          return true;
        }));
      } catch (const BrokerUnavailable&) {
        // The power is off.
      }
    }
    disk->come_back();
    if (enqueued > 0) ++with_progress;
    check_sqlite_invariants(path());
    const Counts after = counts();
    EXPECT_EQ(after.all % batch_size, 0U);
    EXPECT_GE(after.all, before.all + enqueued);
    EXPECT_LE(after.all, before.all + enqueued + batch_size);
    EXPECT_GE(after.done, before.done + done);
    EXPECT_LE(after.done, before.done + done + batch_size);
    before = after;
  }
  EXPECT_GE(with_progress, 4) << "the cuts came too early to show anything";
}

TEST_F(SqliteCrash, TheFileStopsGrowingWhenWhatEntersAlsoRetires) {
  const auto broker = open();
  TestWorker worker;
  CycleRequest request = worker.next(100);
  std::int64_t at_first = 0;
  for (int hour = 0; hour < 120; ++hour) {
    std::vector<JobSpec> specs = jobs(100);
    for (JobSpec& spec : specs) spec.result_ttl = std::chrono::hours(1);
    await(broker->enqueue(std::move(specs)));
    const CycleReply reply = await(broker->cycle(request));
    request = worker.next(100);
    for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, "null");
    clock_.advance(std::chrono::hours(1));
    if (hour == 60) at_first = pages();
  }
  EXPECT_LE(pages(), at_first + at_first / 20);
  EXPECT_LE(count(*broker, JobState::done), 300U);
}

}  // namespace
}  // namespace broker_suite
