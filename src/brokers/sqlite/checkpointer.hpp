#pragma once
#include <sqlite3.h>

namespace coterie::brokers::sqlite {

/// Decides when the write-ahead log goes back into the database file: when nothing else is to do, or when it has
/// become long. SQLite's own way, after every thousand pages, would put a sync of the whole file into the middle
/// of the busiest moments. Belongs to the thread of the connection that it watches; install it last, for SQLite
/// has only one such hook.
class Checkpointer {
 public:
  explicit Checkpointer(sqlite3* db) : db_(db) {
    sqlite3_wal_hook(
        db,
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<Checkpointer*>(self)->pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  ~Checkpointer() { sqlite3_wal_hook(db_, nullptr, nullptr); }

  [[nodiscard]] bool is_long() const noexcept { return pages_ >= long_pages; }
  [[nodiscard]] bool is_worth_it() const noexcept { return pages_ >= idle_pages; }
  /// Copies what no reader holds back. Errors are not the caller's: the log stays and keeps everything.
  void run() noexcept {
    int left = 0;
    int copied = 0;
    sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &left, &copied);
    // All copied: the next commit starts over at the log's beginning. Else look again after as much again.
    pages_ = copied >= left ? 0 : pages_ / 2;
  }
  /// At the end: an empty log, unless another process uses it.
  void finish() noexcept {
    sqlite3_busy_timeout(db_, 0);
    sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  }

  static constexpr int long_pages = 8192;  ///< 64 MiB
  static constexpr int idle_pages = 128;

 private:
  sqlite3* db_;
  int pages_ = 0;  ///< in the log after the last commit
};

}  // namespace coterie::brokers::sqlite
