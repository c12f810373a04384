// Names a process so that another one on the same machine can see that it is gone: a pid alone is reused, so
// its start time stands beside it; a pid means something only in its own pid namespace and boot.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coterie/queue/broker.hpp"

namespace coterie::queue {
namespace {

/// The first bytes of a small file of /proc. `missing` tells "there is none" from every other failure.
std::optional<std::string> read_small_file(const std::string& path, bool* missing = nullptr) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (missing != nullptr) *missing = errno == ENOENT;
    return std::nullopt;
  }
  std::string text(4096, '\0');
  ssize_t got = 0;
  do {
    got = read(fd, text.data(), text.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0 && missing != nullptr) *missing = errno == ESRCH;  // it ended between open and read
  close(fd);
  if (got <= 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  return text;
}

struct Stat {
  char state = '?';
  int threads = 0;         // field 20
  std::string start_time;  // field 22, in clock ticks since boot
};

/// `pid (comm) S …`: comm may hold spaces and parentheses, so the fields are counted from the last `)`.
std::optional<Stat> parse_stat(std::string_view text) {
  const std::size_t close = text.rfind(')');
  if (close == std::string_view::npos || close + 2 >= text.size()) return std::nullopt;
  std::string_view rest = text.substr(close + 2);
  Stat stat;
  stat.state = rest[0];
  for (int field = 3; field < 22; ++field) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
    if (field + 1 == 20) std::from_chars(rest.data(), rest.data() + rest.size(), stat.threads);
  }
  stat.start_time = std::string(rest.substr(0, rest.find_first_of(" \n")));
  if (stat.start_time.empty()) return std::nullopt;
  return stat;
}

/// `boot/namespace/`, common to all processes that can judge each other. Empty where /proc does not tell.
std::string neighbourhood() {
  std::optional<std::string> boot = read_small_file("/proc/sys/kernel/random/boot_id");
  struct stat space{};
  if (!boot || ::stat("/proc/self/ns/pid", &space) != 0) return {};
  while (!boot->empty() && (boot->back() == '\n' || boot->back() == '/')) boot->pop_back();
  return *boot + "/" + std::to_string(space.st_ino) + "/";
}

std::string identity_now() {
  const std::string around = neighbourhood();
  const std::optional<std::string> text = read_small_file("/proc/self/stat");
  if (around.empty() || !text) return {};
  const std::optional<Stat> stat = parse_stat(*text);
  if (!stat) return {};
  return around + std::to_string(getpid()) + "/" + stat->start_time;
}

}  // namespace

// Read anew each time: a fork would inherit its parent's, and nobody asks often.
std::string this_process() {
  return identity_now();
}

bool may_be_alive(const std::string& identity) {
  const std::string around = neighbourhood();
  if (around.empty() || identity.compare(0, around.size(), around) != 0) return true;
  const std::string_view rest = std::string_view(identity).substr(around.size());
  const std::size_t slash = rest.find('/');
  int pid = 0;
  if (slash == std::string_view::npos) return true;
  const char* const end = rest.data() + slash;
  const auto [stopped, error] = std::from_chars(std::to_address(rest.begin()), end, pid);
  if (error != std::errc{} || stopped != end || pid <= 0) return true;
  bool missing = false;
  const std::optional<std::string> text = read_small_file("/proc/" + std::to_string(pid) + "/stat", &missing);
  // With hidepid another user's process looks like none at all; ourselves we always see, so ask the kernel
  // too.
  if (!text) return !missing || kill(pid, 0) == 0 || errno != ESRCH;
  const std::optional<Stat> stat = parse_stat(*text);
  if (!stat) return true;
  // It runs no more, only nobody has waited for it yet. (A first thread that has left the others behind looks
  // the same, but there the others count.)
  if ((stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1) return false;
  return stat->start_time == rest.substr(slash + 1);
}

}  // namespace coterie::queue
