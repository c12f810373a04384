#pragma once
#include <sqlite3.h>

#include <cstdint>

namespace coterie::brokers::sqlite {

/// Decides when the write-ahead log goes back into the database file: when nothing else is to do, when it has
/// become long, or when the disk is full. SQLite's own way, after every thousand pages, would put a sync of
/// the whole file into the middle of the busiest moments. Belongs to the thread of the connection that it
/// watches; install it last, for SQLite has only one such hook.
///
/// Long is twice the database file, for a log must not fill a disk on which the jobs themselves have room;
/// but never less than 4 MiB, which is seldom enough, nor more than 64 MiB. On a small disk it is a quarter
/// of what is free: the database has to grow by what is new in the log, and a log without room to go to is
/// stuck.
class Checkpointer {
 public:
  explicit Checkpointer(sqlite3* db);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  ~Checkpointer() { sqlite3_wal_hook(db_, nullptr, nullptr); }

  [[nodiscard]] bool is_long() const noexcept { return pages_ >= limit_; }
  [[nodiscard]] bool is_worth_it() const noexcept { return pages_ - copied_ >= idle_pages; }
  /// Copies what no reader holds back. Errors are not the caller's: the log stays and keeps everything.
  void run() noexcept;
  /// After a transaction that found no room, once it is rolled back: empties the log, waiting for readers up
  /// to the busy timeout. True when the log's file has become shorter, so that another try is worth it.
  bool make_room() noexcept;
  /// At the end: an empty log, unless another process uses it.
  void finish() noexcept;

  static constexpr std::int64_t page_bytes = 8192;
  static constexpr std::int64_t least_bytes = std::int64_t{4} << 20;
  static constexpr std::int64_t most_bytes = std::int64_t{64} << 20;
  static constexpr int idle_pages = 128;  ///< 1 MiB; no log is long before

 private:
  void committed(int pages) noexcept;
  void measure() noexcept;
  int checkpoint(int mode, int& left, int& copied) noexcept;
  void drop_tail() noexcept;
  [[nodiscard]] sqlite3_file* file(int which) const noexcept;
  [[nodiscard]] std::int64_t size(int which) const noexcept;

  sqlite3* db_;
  int pages_ = 0;       ///< in the log after the last commit
  int copied_ = 0;      ///< of them, by the last checkpoint
  int long_pages_ = 0;  ///< as the database file is now
  int limit_ = 0;
};

}  // namespace coterie::brokers::sqlite
