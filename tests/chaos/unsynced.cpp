// What a write to a SQLite file replaces is logged before it, and what a sync makes safe after it, so that a
// power cut can take back what was never synced (sqlite_world.py reads it).
//
//   CHAOS_UNSYNCED   the log: common to all processes, appended with one write() a record. A record is eight
//                    64-bit numbers and what stood where a write goes. The numbers: `mark`; 1 for a write, 2
//                    for a sync; device; inode; the write's offset, or how much of the log the sync made
//                    safe; the file's size before; CLOCK_MONOTONIC in ns; how many bytes follow.
#include "unsynced.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace {

constexpr std::int64_t mark = 0x4b52414d63686173;  // a SIGKILL may have torn the record before
constexpr std::int64_t a_write = 1;
constexpr std::int64_t a_sync = 2;
constexpr std::size_t most = 1 << 17;  // SQLite writes a page at a time, 64 KiB at most

int log_fd() {
  static const int fd = [] {
    const char* const path = std::getenv("CHAOS_UNSYNCED");
    return path == nullptr ? -1 : ::open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }();
  return fd;
}

bool is_database(int fd) {
  char link[64];
  char path[512];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path);
  if (size <= 0) return false;
  const std::string_view name(path, static_cast<std::size_t>(size));
  return name.ends_with(".db") || name.ends_with(".db-wal");
}

timespec time_now() {
  timespec now{};
  ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return now;
}

void append(int fd, std::int64_t kind, std::int64_t at, const timespec& now, const void* old,
            std::size_t old_size) {
  struct stat file{};
  ::fstat(fd, &file);
  std::array<std::int64_t, 8> head{mark,
                                   kind,
                                   static_cast<std::int64_t>(file.st_dev),
                                   static_cast<std::int64_t>(file.st_ino),
                                   at,
                                   static_cast<std::int64_t>(file.st_size),
                                   static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec,
                                   static_cast<std::int64_t>(old_size)};
  iovec parts[2] = {{head.data(), sizeof head}, {const_cast<void*>(old), old_size}};
  (void)!::writev(log_fd(), parts, 2);
}

}  // namespace

std::int64_t chaos::log_position(int fd) noexcept {
  struct stat log{};
  return log_fd() >= 0 && is_database(fd) && ::fstat(log_fd(), &log) == 0 ? log.st_size : -1;
}

void chaos::note_sync(int fd, std::int64_t position, const timespec& began) noexcept {
  if (position >= 0) append(fd, a_sync, position, began, nullptr, 0);
}

extern "C" __attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void* bytes, size_t size,
                                                                   off64_t at) {
  if (log_fd() >= 0 && size <= most && is_database(fd)) {
    thread_local char old[most];
    const ssize_t got = ::syscall(SYS_pread64, fd, old, size, at);
    append(fd, a_write, at, time_now(), old, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  return ::syscall(SYS_pwrite64, fd, bytes, size, at);
}
