#pragma once
#include <sqlite3.h>

namespace coterie::brokers::sqlite {

/// Decides when the write-ahead log goes back into the database file: when nothing else is to do, or when it
/// has become long. SQLite's own way, after every thousand pages, would put a sync of the whole file into the
/// middle of the busiest moments. Belongs to the thread of the connection that it watches; install it last,
/// for SQLite has only one such hook.
class Checkpointer {
 public:
  explicit Checkpointer(sqlite3* db) : db_(db) {
    sqlite3_wal_hook(
        db,
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<Checkpointer*>(self)->committed(pages);
          return SQLITE_OK;
        },
        this);
  }
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  ~Checkpointer() { sqlite3_wal_hook(db_, nullptr, nullptr); }

  [[nodiscard]] bool is_long() const noexcept { return pages_ >= limit_; }
  [[nodiscard]] bool is_worth_it() const noexcept { return pages_ - copied_ >= idle_pages; }
  /// Copies what no reader holds back. Errors are not the caller's: the log stays and keeps everything.
  void run() noexcept {
    int left = 0;
    int copied = 0;
    sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &left, &copied);
    // When all is copied and nobody reads there, the next commit starts over at the log's beginning. Else it
    // goes on behind: another try at once would only cost another sync.
    copied_ = copied;
    limit_ = left + long_pages / 4 > long_pages ? left + long_pages / 4 : long_pages;
  }
  /// At the end: an empty log, unless another process uses it.
  void finish() noexcept {
    sqlite3_busy_timeout(db_, 0);
    sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  }

  static constexpr int long_pages = 8192;  ///< 64 MiB
  static constexpr int idle_pages = 128;

 private:
  void committed(int pages) noexcept {
    if (pages < pages_) {  // the log started over
      copied_ = 0;
      limit_ = long_pages;
    }
    pages_ = pages;
  }

  sqlite3* db_;
  int pages_ = 0;   ///< in the log after the last commit
  int copied_ = 0;  ///< of them, by the last checkpoint
  int limit_ = long_pages;
};

}  // namespace coterie::brokers::sqlite
