#include "src/brokers/sqlite/checkpointer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "src/brokers/sqlite/error.hpp"
#include "src/brokers/sqlite/vfs.hpp"

namespace coterie::brokers::sqlite {
namespace {

constexpr int database_file = SQLITE_FCNTL_FILE_POINTER;
constexpr int log_file = SQLITE_FCNTL_JOURNAL_POINTER;

/// What sqlite.org/walformat.html calls the WAL-index header, as far as it matters here. It stands there
/// twice: two unlike copies are one that is being written.
struct LogState {
  static constexpr std::uint32_t known_version = 3'007'000;
  static constexpr std::size_t copy_bytes = 48;
  static constexpr std::int64_t header_bytes = 32;  ///< of the log, and 24 for each page in it

  std::uint32_t version = 0, unused = 0, changes = 0;
  std::uint8_t initialised = 0, big_endian = 0;
  std::uint16_t page_size = 0;  ///< 1: 65,536
  std::uint32_t pages = 0;      ///< in the log, up to the last commit

  [[nodiscard]] std::int64_t log_bytes() const noexcept {
    const std::int64_t page = page_size == 1 ? 65'536 : page_size;
    return pages == 0 ? 0 : header_bytes + pages * (page + 24);
  }
};
static_assert(sizeof(LogState) == 20);

bool read_state(sqlite3_file* database, LogState& state) noexcept {
  constexpr int region = 32 << 10;
  void volatile* mapped = nullptr;
  if (database->pMethods->iVersion < 2 ||
      database->pMethods->xShmMap(database, 0, region, 0, &mapped) != SQLITE_OK || mapped == nullptr)
    return false;
  std::array<unsigned char, 2 * LogState::copy_bytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char volatile*>(mapped)[i];
  if (std::memcmp(bytes.data(), bytes.data() + LogState::copy_bytes, LogState::copy_bytes) != 0) return false;
  std::memcpy(&state, bytes.data(), sizeof state);
  return state.version == LogState::known_version && state.initialised == 1;
}

}  // namespace

Checkpointer::Checkpointer(sqlite3* db) : db_(db) {
  measure();
  limit_ = long_pages_;
  sqlite3_wal_hook(
      db,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Checkpointer*>(self)->committed(pages);
        return SQLITE_OK;
      },
      this);
}

void Checkpointer::committed(int pages) noexcept {
  if (pages < pages_) {  // the log started over
    copied_ = 0;
    limit_ = long_pages_;
  }
  pages_ = pages;
}

sqlite3_file* Checkpointer::file(int which) const noexcept {
  sqlite3_file* found = nullptr;
  if (sqlite3_file_control(db_, "main", which, static_cast<void*>(&found)) != SQLITE_OK) return nullptr;
  return found != nullptr && found->pMethods != nullptr ? found : nullptr;
}

std::int64_t Checkpointer::size(int which) const noexcept {
  sqlite3_int64 bytes = 0;
  sqlite3_file* found = file(which);
  return found != nullptr && found->pMethods->xFileSize(found, &bytes) == SQLITE_OK ? bytes : 0;
}

void Checkpointer::measure() noexcept {
  std::int64_t bytes = std::clamp(2 * size(database_file), least_bytes, most_bytes);
  if (SyncCounter* vfs = SyncCounter::of(db_))
    bytes = std::min(bytes, (vfs->free_bytes(sqlite3_db_filename(db_, "main")) + size(log_file)) / 4);
  long_pages_ = std::max(static_cast<int>(bytes / page_bytes), idle_pages);
}

int Checkpointer::checkpoint(int mode, int& left, int& copied) noexcept {
  int rc = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, &left, &copied);
  if (rc == SQLITE_OK || rc == SQLITE_BUSY || !is_disk_full(SqliteError(db_, rc))) return rc;
  // The database must grow by what is new in the log. What the log does not need any more may be enough.
  drop_tail();
  return sqlite3_wal_checkpoint_v2(db_, nullptr, mode, &left, &copied);
}

void Checkpointer::run() noexcept {
  int left = -1;
  int copied = -1;
  (void)checkpoint(SQLITE_CHECKPOINT_PASSIVE, left, copied);
  measure();
  // When all is copied and nobody reads there, the next commit starts over at the log's beginning. Else it
  // goes on behind: another try at once would only cost another sync.
  copied_ = std::max(copied, 0);
  limit_ = std::max(long_pages_, std::max(left, pages_) + long_pages_ / 4);
}

bool Checkpointer::make_room() noexcept {
  const std::int64_t before = size(log_file);
  // The transaction that failed has left its pages behind the log's end, perhaps to the disk's last byte.
  drop_tail();
  int left = -1;
  int copied = -1;
  const int rc = checkpoint(SQLITE_CHECKPOINT_TRUNCATE, left, copied);
  measure();
  if (rc == SQLITE_OK) pages_ = copied_ = 0;
  limit_ = std::max(long_pages_, pages_ + long_pages_ / 4);
  return size(log_file) < before;
}

void Checkpointer::finish() noexcept {
  sqlite3_busy_timeout(db_, 0);
  int left = -1;
  int copied = -1;
  (void)checkpoint(SQLITE_CHECKPOINT_TRUNCATE, left, copied);
}

/// Cuts the log's file behind its last commit. What stands there is of no use to anybody: pages of a
/// transaction that was rolled back, or of a log that has started over since. Only who may write knows that
/// nobody is adding to it.
void Checkpointer::drop_tail() noexcept {
  if (sqlite3_exec(db_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK) return;
  sqlite3_file* database = file(database_file);
  sqlite3_file* log = file(log_file);
  LogState state;
  if (database != nullptr && log != nullptr && read_state(database, state) &&
      size(log_file) > state.log_bytes())
    (void)log->pMethods->xTruncate(log, state.log_bytes());
  (void)sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace coterie::brokers::sqlite
