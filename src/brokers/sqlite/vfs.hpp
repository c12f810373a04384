#pragma once
#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace coterie::brokers::sqlite {

/// errno of this thread's last write through a SyncCounter; 0 when it succeeded. SQLite keeps it only for
/// some errors, and not at a commit.
[[nodiscard]] int last_write_error() noexcept;

/// A VFS in front of the system's that counts the syncs of one broker's files. Tests derive from it to make
/// writes fail or the disk small. Registered with SQLite under its own name while it lives; every connection
/// that uses it must be closed before. Its hooks are called on whatever thread SQLite writes from.
class SyncCounter {
 public:
  SyncCounter();
  SyncCounter(const SyncCounter&) = delete;
  SyncCounter& operator=(const SyncCounter&) = delete;
  virtual ~SyncCounter();

  [[nodiscard]] const char* name() const noexcept { return name_.c_str(); }
  [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_.load(std::memory_order_relaxed); }

  /// Before bytes are written or synced: anything but SQLITE_OK is what SQLite sees instead.
  virtual int before_write(const char* /*path*/, std::int64_t /*offset*/, int /*size*/) { return SQLITE_OK; }
  virtual int before_sync(const char* /*path*/) { return SQLITE_OK; }
  /// What a user may still write on the disk of this file.
  [[nodiscard]] virtual std::int64_t free_bytes(const char* path);

  /// The one that a connection uses; null where it uses none.
  [[nodiscard]] static SyncCounter* of(sqlite3* db) noexcept;

 private:
  friend struct VfsCalls;
  std::string name_;
  sqlite3_vfs vfs_{};
  sqlite3_vfs* real_ = nullptr;
  std::atomic<std::uint64_t> syncs_{0};
};

}  // namespace coterie::brokers::sqlite
