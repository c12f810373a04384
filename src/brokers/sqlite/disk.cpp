#include "src/brokers/sqlite/disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace coterie::brokers::sqlite {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr int syncs = 20;
constexpr std::chrono::seconds syncs_at_most{2};
constexpr const char* no_network =
    "put the file on a disk of this machine, or take redis:// where several machines work";

/// What statfs(2) calls a file system that a queue had better not stand on.
struct FileSystem {
  long magic;
  std::string_view name;
  std::string_view meaning;  // empty: fine
  std::string_view change;
};
constexpr std::string_view on_network =
    "locks and shared memory do not reach other machines, which damages the file when two of them use it";
constexpr std::array<FileSystem, 15> file_systems{{
    {0x6969, "NFS", on_network, no_network},
    {0xFE534D42L, "SMB", on_network, no_network},
    {0xFF534D42L, "CIFS", on_network, no_network},
    {0x01021997, "9p", on_network, no_network},
    {0x00C36400, "Ceph", on_network, no_network},
    {0x65735546, "FUSE", "whether it keeps what was synced is its own affair", "take a disk of this machine"},
    {0x794C7630, "overlay", "it is a container's own layer, and goes with the container",
     "mount a volume, and put the file there"},
    {0x01021994, "tmpfs", "it is memory: all jobs are gone after a restart of the machine",
     "put the file on a disk"},
    {0x858458F6L, "ramfs", "it is memory: all jobs are gone after a restart of the machine",
     "put the file on a disk"},
    {0xEF53, "ext4", "", ""},
    {0x58465342, "XFS", "", ""},
    {0x9123683EL, "Btrfs", "", ""},
    {0x2FC12FC1, "ZFS", "", ""},
    {0xF2F52010L, "F2FS", "", ""},
    {0xCA451A4EL, "bcachefs", "", ""},
}};

void look_at_file_system(const std::string& folder, Findings& out) {
  struct statfs info{};
  if (::statfs(folder.c_str(), &info) != 0) {
    out.unknown("file system", std::string("statfs: ") + std::strerror(errno));
    return;
  }
  // The type has a sign on some machines, and 32 bits.
  const auto magic = static_cast<std::uint32_t>(info.f_type);
  for (const FileSystem& each : file_systems) {
    if (static_cast<std::uint32_t>(each.magic) != magic) continue;
    if (each.meaning.empty())
      out.ok("file system", std::string(each.name));
    else
      out.warning("file system", std::string(each.name), std::string(each.meaning), std::string(each.change));
    return;
  }
  char hex[24];
  std::snprintf(hex, sizeof hex, "0x%x", magic);
  out.ok("file system", std::string("of type ") + hex, "nothing is known against it");
}

void look_at_room(const std::string& folder, Findings& out) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) {
    out.unknown("room", std::string("statvfs: ") + std::strerror(errno));
    return;
  }
  const std::uint64_t free = std::uint64_t{info.f_bavail} * info.f_frsize;
  const std::string found = bytes_text(free) + " free";
  const Findings::Numbers numbers{{"free_bytes", static_cast<double>(free)}};
  if (free < 64 * mib)
    out.problem("room", found, "calls fail when the log, usually up to 64 MiB, does not fit any more",
                "make room there", numbers);
  else if (free < 1024 * mib)
    out.warning("room", found, "it is used up soon", "make room there", numbers);
  else
    out.ok("room", found, {}, numbers);
}

/// In a file that has no name and is gone when it is closed: nobody sees it, nothing is left.
void look_at_sync(const std::string& folder, Findings& out) {
  using Clock = std::chrono::steady_clock;
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    out.unknown("fsync", std::string("no nameless file can be made there (") + std::strerror(errno) + ")");
    return;
  }
  std::vector<double> times;
  const std::array<char, 4096> page{};
  const Clock::time_point begin = Clock::now();
  int error = 0;
  for (int i = 0; i < syncs && Clock::now() - begin < syncs_at_most; ++i) {
    const Clock::time_point before = Clock::now();
    if (::pwrite(fd, page.data(), page.size(), static_cast<off_t>(i) * 4096) < 0 || ::fdatasync(fd) != 0) {
      error = errno;
      break;
    }
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - before).count());
  }
  ::close(fd);
  if (times.empty()) {
    out.unknown("fsync", std::strerror(error));
    return;
  }
  std::sort(times.begin(), times.end());
  const double median = percentile(times, 0.5);
  const std::string found = "p50 " + microseconds_text(median) + ", max " + microseconds_text(times.back()) +
                            " of " + std::to_string(times.size());
  const Findings::Numbers numbers{{"p50_us", median}, {"max_us", times.back()}};
  if (median > 50'000)
    out.warning("fsync", found, "each commit waits that long; calls that wait together share one",
                "take a faster disk, or put more jobs into one enqueue", numbers);
  else
    out.ok("fsync", found, {}, numbers);
}

}  // namespace

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(info.st_size);
}

void look_at_disk(const std::string& path, const std::string& folder, Findings& out) {
  if (::access(path.c_str(), W_OK) != 0 || ::access(folder.c_str(), W_OK) != 0)
    out.problem("access", "this user may not write to the file or its folder",
                "a broker refuses it: it writes, and keeps two files beside it",
                "give this user write access to both");
  look_at_file_system(folder, out);
  look_at_room(folder, out);
  look_at_sync(folder, out);
}

}  // namespace coterie::brokers::sqlite
