// Preloaded into redis-server (and, for their clock, into agents): makes the disk slow, steps the wall clock,
// and writes down what was synced, so that a power cut can take the rest. Asks nothing of the program, and
// nothing of the machine.
//
//   CHAOS_CONTROL   a file of two 64-bit numbers, which the orchestrator changes while we run: what is added
//                   to the wall clock, and how much longer a sync takes, both in microseconds
//   CHAOS_SYNCED    a file that gets two lines for each sync of an append-only file, in nanoseconds of
//                   CLOCK_MONOTONIC:
//                     begun WHEN PATH
//                     ended WHEN_IT_BEGAN WHEN SIZE_WHEN_IT_BEGAN PATH
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "unsynced.hpp"

namespace {

struct Control {
  std::atomic<std::int64_t> clock_us;
  std::atomic<std::int64_t> sync_us;
};

const Control* control = nullptr;
int synced = -1;

__attribute__((constructor)) void begin() {
  if (const char* const path = std::getenv("CHAOS_CONTROL")) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    void* const at = fd < 0 ? MAP_FAILED : ::mmap(nullptr, sizeof(Control), PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) control = static_cast<const Control*>(at);
    if (fd >= 0) ::close(fd);
  }
  if (const char* const path = std::getenv("CHAOS_SYNCED"))
    synced = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

int real_time(clockid_t clock, timespec* time) {
  return static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
}

std::int64_t wall_us() {
  timespec time{};
  real_time(CLOCK_REALTIME, &time);
  const std::int64_t added = control == nullptr ? 0 : control->clock_us.load(std::memory_order_relaxed);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000 + added;
}

long long nanoseconds(const timespec& time) {
  return static_cast<long long>(time.tv_sec) * 1'000'000'000LL + time.tv_nsec;
}

/// Its path, where it is an append-only file and somebody wants to know; else empty.
std::string path_of_log(int fd) {
  char link[64];
  char path[512];
  if (synced < 0) return {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path);
  const std::string_view found(path, size < 0 ? 0 : static_cast<std::size_t>(size));
  return found.ends_with(".aof") ? std::string(found) : std::string();
}

void write_down(const std::string& line) {
  (void)!::write(synced, line.data(), line.size());
}

/// The sync itself, between looking at the size and writing it down: what stands in the file before it begins
/// is safe when it has ended.
int sync(int fd, long call) {
  struct stat before{};
  timespec began{};
  real_time(CLOCK_MONOTONIC, &began);  // first: what is confirmed from now on may be missed
  const std::string path = path_of_log(fd);
  if (!path.empty()) write_down("begun " + std::to_string(nanoseconds(began)) + " " + path + "\n");
  const std::int64_t logged = chaos::log_position(fd);
  ::fstat(fd, &before);
  if (control != nullptr) {
    const std::int64_t delay = control->sync_us.load(std::memory_order_relaxed);
    if (delay > 0) ::usleep(static_cast<useconds_t>(delay));  // lint: sleeps, because such is the disk
  }
  const int result = static_cast<int>(::syscall(call, fd));
  const int error = errno;
  if (result == 0) chaos::note_sync(fd, logged, began);
  if (result == 0 && !path.empty()) {
    timespec ended{};
    real_time(CLOCK_MONOTONIC, &ended);
    write_down("ended " + std::to_string(nanoseconds(began)) + " " + std::to_string(nanoseconds(ended)) +
               " " + std::to_string(before.st_size) + " " + path + "\n");
  }
  errno = error;
  return result;
}

}  // namespace

#define COTERIE_CHAOS_EXPORT extern "C" __attribute__((visibility("default")))

COTERIE_CHAOS_EXPORT int fdatasync(int fd) {
  return sync(fd, SYS_fdatasync);
}
COTERIE_CHAOS_EXPORT int fsync(int fd) {
  return sync(fd, SYS_fsync);
}
COTERIE_CHAOS_EXPORT int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (clock != CLOCK_REALTIME) return real_time(clock, time);
  const std::int64_t now = wall_us();
  time->tv_sec = now / 1'000'000;
  time->tv_nsec = now % 1'000'000 * 1000;
  return 0;
}
COTERIE_CHAOS_EXPORT int gettimeofday(timeval* time, void*) noexcept {
  const std::int64_t now = wall_us();
  time->tv_sec = now / 1'000'000;
  time->tv_usec = now % 1'000'000;
  return 0;
}
COTERIE_CHAOS_EXPORT time_t time(time_t* out) noexcept {
  const time_t now = wall_us() / 1'000'000;
  if (out != nullptr) *out = now;
  return now;
}
