#include "src/brokers/sqlite/vfs.hpp"

#include <sys/statvfs.h>

#include <cerrno>
#include <limits>
#include <new>

namespace coterie::brokers::sqlite {

namespace {
thread_local int refused_because = 0;

/// What SQLite allocates for each file: this, then the real file behind it.
struct ShimFile {
  sqlite3_file base;
  SyncCounter* owner;
  const char* path;

  [[nodiscard]] sqlite3_file* real() noexcept { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

static_assert(sizeof(ShimFile) % alignof(void*) == 0);

ShimFile* shim(sqlite3_file* file) noexcept {
  return reinterpret_cast<ShimFile*>(file);
}
sqlite3_file* real(sqlite3_file* file) noexcept {
  return shim(file)->real();
}
}  // namespace

struct VfsCalls {
  static SyncCounter* counter(sqlite3_vfs* vfs) noexcept { return static_cast<SyncCounter*>(vfs->pAppData); }
  static sqlite3_vfs* below(sqlite3_vfs* vfs) noexcept { return counter(vfs)->real_; }

  static int write(sqlite3_file* f, const void* data, int size, sqlite3_int64 offset) {
    const int rc = shim(f)->owner->before_write(shim(f)->path, offset, size);
    refused_because = 0;
    if (rc != SQLITE_OK) return rc;
    errno = 0;
    const int wrote = real(f)->pMethods->xWrite(real(f), data, size, offset);
    if (wrote != SQLITE_OK) refused_because = errno;
    // To SQLite only ENOSPC is a full disk.
    const bool full = refused_because == EFBIG || refused_because == EDQUOT;
    return wrote == SQLITE_IOERR_WRITE && full ? SQLITE_FULL : wrote;
  }
  static int sync(sqlite3_file* f, int flags) {
    const int rc = shim(f)->owner->before_sync(shim(f)->path);
    if (rc != SQLITE_OK) return rc;
    shim(f)->owner->syncs_.fetch_add(1, std::memory_order_relaxed);
    return real(f)->pMethods->xSync(real(f), flags);
  }
  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* f, int flags, int* out) {
    ShimFile* file = new (f) ShimFile{};
    file->owner = counter(vfs);
    file->path = path;
    file->real()->pMethods = nullptr;
    const int rc = below(vfs)->xOpen(below(vfs), path, file->real(), flags, out);
    file->base.pMethods = file->real()->pMethods != nullptr ? &methods : nullptr;
    return rc;
  }

  static const sqlite3_io_methods methods;
};

// Everything but write and sync passes through unchanged.
const sqlite3_io_methods VfsCalls::methods = {
    3,
    [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); },
    [](sqlite3_file* f, void* p, int n, sqlite3_int64 o) {
      return real(f)->pMethods->xRead(real(f), p, n, o);
    },
    &VfsCalls::write,
    [](sqlite3_file* f, sqlite3_int64 n) { return real(f)->pMethods->xTruncate(real(f), n); },
    &VfsCalls::sync,
    [](sqlite3_file* f, sqlite3_int64* n) { return real(f)->pMethods->xFileSize(real(f), n); },
    [](sqlite3_file* f, int lock) { return real(f)->pMethods->xLock(real(f), lock); },
    [](sqlite3_file* f, int lock) { return real(f)->pMethods->xUnlock(real(f), lock); },
    [](sqlite3_file* f, int* out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); },
    [](sqlite3_file* f, int op, void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); },
    [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
    [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
    [](sqlite3_file* f, int region, int size, int extend, void volatile** out) {
      return real(f)->pMethods->xShmMap(real(f), region, size, extend, out);
    },
    [](sqlite3_file* f, int offset, int n, int flags) {
      return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
    },
    [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
    [](sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); },
    [](sqlite3_file* f, sqlite3_int64 o, int n, void** out) {
      return real(f)->pMethods->xFetch(real(f), o, n, out);
    },
    [](sqlite3_file* f, sqlite3_int64 o, void* p) { return real(f)->pMethods->xUnfetch(real(f), o, p); },
};

SyncCounter::SyncCounter() : real_(sqlite3_vfs_find(nullptr)) {
  static std::atomic<std::uint64_t> next{0};
  name_ = "coterie-" + std::to_string(next.fetch_add(1));
  // A copy of the system's: all that takes the VFS itself as first argument is given the system's below.
  vfs_ = *real_;
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(ShimFile)) + real_->szOsFile;
  vfs_.xOpen = &VfsCalls::open;
  vfs_.xDelete = [](sqlite3_vfs* v, const char* path, int sync_dir) {
    return VfsCalls::below(v)->xDelete(VfsCalls::below(v), path, sync_dir);
  };
  vfs_.xAccess = [](sqlite3_vfs* v, const char* path, int flags, int* out) {
    return VfsCalls::below(v)->xAccess(VfsCalls::below(v), path, flags, out);
  };
  vfs_.xFullPathname = [](sqlite3_vfs* v, const char* path, int size, char* out) {
    return VfsCalls::below(v)->xFullPathname(VfsCalls::below(v), path, size, out);
  };
  sqlite3_vfs_register(&vfs_, 0);
}

SyncCounter::~SyncCounter() {
  sqlite3_vfs_unregister(&vfs_);
}

std::int64_t SyncCounter::free_bytes(const char* path) {
  struct statvfs info{};
  if (path == nullptr || ::statvfs(path, &info) != 0) return std::numeric_limits<std::int64_t>::max() / 2;
  return static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
}

int last_write_error() noexcept {
  return refused_because;
}

SyncCounter* SyncCounter::of(sqlite3* db) noexcept {
  sqlite3_vfs* vfs = nullptr;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, static_cast<void*>(&vfs)) != SQLITE_OK ||
      vfs == nullptr)
    return nullptr;
  return vfs->xOpen == &VfsCalls::open ? VfsCalls::counter(vfs) : nullptr;
}

}  // namespace coterie::brokers::sqlite
