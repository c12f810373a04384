#include "src/cli/exec_guard.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "coterie/queue/id.hpp"

namespace coterie::cli {
namespace {

// The child was forked out of a process with threads: until its end it makes system calls and nothing else.
#define COTERIE_IN_GUARD __attribute__((no_sanitize("address", "undefined", "thread")))

/// The worker's last message: nothing is to be killed.
constexpr pid_t farewell = 0;

struct DirEntry {  // linux_dirent64
  std::uint64_t ino;
  std::int64_t off;
  unsigned short reclen;
  unsigned char type;
  char name[1];
};

char entries[32 << 10];
char environment[64 << 10];  // a piece at a time: shells put their own order into what they hand on
pid_t groups[128 << 10];     // of commands that run; more than a worker runs at a time
std::size_t group_count = 0;

/// A message of the worker; see io::ProcessOptions::group_watcher.
COTERIE_IN_GUARD void note_group(pid_t group) {
  if (group > 0) {
    if (group_count < sizeof groups / sizeof groups[0]) groups[group_count++] = group;
    return;
  }
  for (std::size_t i = 0; i < group_count; ++i) {
    if (groups[i] != -group) continue;
    groups[i] = groups[--group_count];
    return;
  }
}

COTERIE_IN_GUARD bool is_known(pid_t group) {
  for (std::size_t i = 0; i < group_count; ++i)
    if (groups[i] == group) return true;
  return false;
}

COTERIE_IN_GUARD bool carries(pid_t pid, const char* mark, std::size_t length) {
  char path[32] = "/proc/";
  char digits[12];
  int count = 0;
  for (pid_t rest = pid; rest > 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  char* end = path + 6;
  while (count > 0) *end++ = digits[--count];
  for (const char* c = "/environ"; *c != '\0'; ++c) *end++ = *c;
  *end = '\0';
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool found = false;
  std::size_t kept = 0;  // of the last piece: the mark may stand across two
  for (;;) {
    const ssize_t got = ::read(fd, environment + kept, sizeof environment - kept);
    if (got <= 0) break;
    const std::size_t here = kept + static_cast<std::size_t>(got);
    for (std::size_t at = 0; !found && at + length <= here; ++at) {
      std::size_t same = 0;
      while (same < length && environment[at + same] == mark[same]) ++same;
      found = same == length;
    }
    if (found) break;
    kept = here < length ? here : length - 1;
    for (std::size_t i = 0; i < kept; ++i) environment[i] = environment[here - kept + i];
  }
  ::close(fd);
  return found;
}

/// One pass over all processes; how many were killed.
COTERIE_IN_GUARD int kill_commands(const char* mark, std::size_t length) {
  int killed = 0;
  const pid_t session = ::getsid(0);
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (;;) {
    const long got = proc < 0 ? 0 : ::syscall(SYS_getdents64, proc, entries, sizeof entries);
    if (got <= 0) break;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const DirEntry*>(entries + at);
      at += entry->reclen;
      pid_t pid = 0;
      const char* c = entry->name;
      for (; *c >= '0' && *c <= '9'; ++c) pid = pid * 10 + (*c - '0');
      if (*c != '\0' || pid <= 1) continue;
      if (::getsid(pid) != session || pid == ::getpid()) continue;
      if ((is_known(::getpgid(pid)) || carries(pid, mark, length)) && ::kill(pid, SIGKILL) == 0) ++killed;
    }
  }
  ::close(proc);
  return killed;
}

[[noreturn]] COTERIE_IN_GUARD void watch(int socket, const char* mark, std::size_t length) {
  (void)::setpgid(0, 0);  // a Ctrl-C or a kill of the worker's group is not for us
  for (const int signo : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) (void)::signal(signo, SIG_IGN);
  (void)::prctl(PR_SET_NAME, "coterie-guard");
  if (socket != 3) (void)::dup2(socket, 3);
  (void)::close_range(4, ~0U, 0);
  for (int fd = 0; fd < 3; ++fd)
    ::close(fd);  // nobody shall wait for us at the other end of the worker's output
  for (;;) {
    pid_t group = 0;
    const ssize_t got = ::recv(3, &group, sizeof group, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == static_cast<ssize_t>(sizeof group) && group != farewell) {
      note_group(group);
      continue;
    }
    if (got == 0) break;  // the worker is gone, and did not say so
    ::_exit(0);
  }
  // A process may fork while we look: until nothing is found.
  for (int pass = 0; pass < 100 && kill_commands(mark, length) > 0; ++pass) {
  }
  ::_exit(0);
}

}  // namespace

ExecGuard::ExecGuard() : mark_("COTERIE_WORKER_MARK=" + queue::new_uuid().str()) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
  pid_ = ::fork();
  if (pid_ == 0) watch(ends[0], mark_.c_str(), mark_.size());
  ::close(ends[0]);
  socket_ = ends[1];
}

ExecGuard::~ExecGuard() {
  if (socket_ < 0) return;
  if (pid_ > 0) (void)::send(socket_, &farewell, sizeof farewell, MSG_NOSIGNAL);
  ::close(socket_);
  if (pid_ <= 0) return;
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace coterie::cli
