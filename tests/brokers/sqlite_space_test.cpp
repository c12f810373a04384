// The write-ahead log on a disk that has an end: it must not take the room that the jobs need, and what has
// once found no room must go on when there is some.
#include <fstream>

#include "src/brokers/sqlite/checkpointer.hpp"
#include "tests/brokers/sqlite_fixture.hpp"

namespace broker_suite {
namespace {

namespace sqlite = coterie::brokers::sqlite;

std::int64_t size_of(const std::string& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  return none ? 0 : static_cast<std::int64_t>(size);
}

/// A disk for one database and its log, with so many bytes.
class SmallDisk final : public sqlite::SyncCounter {
 public:
  SmallDisk(std::string database, std::int64_t size) : bytes(size), database_(std::move(database)) {}
  int before_write(const char* path, std::int64_t offset, int size) override {
    const std::int64_t growth = offset + size - size_of(path);
    if (std::string_view(path).ends_with("-wal") && offset + size > longest_log) longest_log = offset + size;
    return growth > 0 && used() + growth > bytes ? SQLITE_FULL : SQLITE_OK;
  }
  std::int64_t free_bytes(const char* /*path*/) override { return std::max<std::int64_t>(bytes - used(), 0); }
  [[nodiscard]] std::int64_t used() const { return size_of(database_) + size_of(database_ + "-wal"); }

  std::atomic<std::int64_t> bytes;
  std::atomic<std::int64_t> longest_log{0};

 private:
  std::string database_;
};

class SqliteSpace : public SqliteTest {
 protected:
  static constexpr std::int64_t plenty = std::int64_t{1} << 40;
  std::shared_ptr<SmallDisk> disk(std::int64_t bytes) { return std::make_shared<SmallDisk>(path(), bytes); }
  /// Enqueues jobs in many small transactions, and finishes them.
  void work(Broker& broker, int rounds) {
    TestWorker worker;
    CycleRequest request = worker.next(10);
    for (int i = 0; i < rounds; ++i) {
      await(broker.enqueue(jobs(10)));
      const CycleReply reply = await(broker.cycle(request));
      request = worker.next(10);
      for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, "null");
    }
    request.want = 0;
    await(broker.cycle(request));
  }
};

TEST_F(SqliteSpace, ASmallDatabaseHasAShortLog) {
  const auto small = disk(plenty);
  const auto broker = open("", small);
  work(*broker, 200);
  EXPECT_EQ(count(*broker, JobState::done), 2000U);
  EXPECT_LE(small->longest_log, sqlite::Checkpointer::least_bytes * 3 / 2);
}

TEST_F(SqliteSpace, ALogThatFillsTheDiskGoesBackIntoTheDatabase) {
  const auto small = disk(std::int64_t{3} << 20);  // fewer than the log would take before it is called long
  const auto broker = open("", small);
  work(*broker, 200);
  EXPECT_EQ(count(*broker, JobState::done), 2000U);
}

TEST_F(SqliteSpace, SoDoesTheLogThatACrashHasLeft) {
  const std::string kept = folder().file("kept");
  {
    const auto broker = open("", disk(plenty));
    work(*broker, 30);
    ASSERT_GT(size_of(path() + "-wal"), 1 << 20);
    for (const char* part : {"", "-wal"}) std::filesystem::copy_file(path() + part, kept + part);
  }
  for (const char* part : {"", "-wal"})
    std::filesystem::copy_file(kept + part, path() + part, std::filesystem::copy_options::overwrite_existing);
  const auto full = disk(0);
  full->bytes = full->used() + (512 << 10);  // what the database itself has to grow by
  const auto broker = open("", full);
  work(*broker, 10);
  EXPECT_EQ(count(*broker, JobState::done), 400U);
}

TEST_F(SqliteSpace, WhatDoesNotFitIsRefusedAndTakesNoRoom) {
  const auto small = disk(std::int64_t{2} << 20);
  const auto broker = open("", small);
  work(*broker, 5);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(error_of<BrokerUnavailable>(broker->enqueue(jobs(20'000))).find("no space left for it"),
              std::string::npos);
    EXPECT_LE(small->used(), 1 << 20) << "the rest of the disk is for others";
    work(*broker, 5);
  }
  EXPECT_EQ(count(*broker, JobState::done), 200U);
}

TEST_F(SqliteSpace, WhenThereIsRoomAgainItGoesOn) {
  const auto small = disk(plenty);
  const auto broker = open("", small);
  work(*broker, 20);
  small->bytes = small->used();  // somebody else has filled the rest
  for (int i = 0; i < 50; ++i) {
    const std::string error = error_of<BrokerUnavailable>(broker->enqueue(jobs(100)));
    EXPECT_TRUE(error.empty() || error.find("no space left for it") != std::string::npos) << error;
  }
  EXPECT_NE(error_of<BrokerUnavailable>(broker->enqueue(jobs(20'000))), "");
  small->bytes = small->used() + (std::int64_t{3} << 20);
  work(*broker, 20);
}

}  // namespace
}  // namespace broker_suite
