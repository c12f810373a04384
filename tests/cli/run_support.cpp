#include "tests/cli/run_support.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "coterie/run.hpp"

extern "C" char** environ;

namespace cli_test {
namespace {

using coterie::Task;
namespace queue = coterie::queue;

Task<std::vector<queue::JobInfo>> list_all(std::string url) {
  const auto broker = queue::open_broker(url);
  std::vector<queue::JobInfo> all;
  queue::JobFilter filter;
  filter.limit = 1000;
  filter.bodies = true;
  do {
    const queue::JobPage page = co_await broker->list(filter);
    all.insert(all.end(), page.jobs.begin(), page.jobs.end());
    filter.after = page.next;
  } while (filter.after != 0);
  co_return all;
}

Task<int> cancel_one(std::string url, queue::JobId id) {
  const auto broker = queue::open_broker(url);
  std::vector<queue::JobId> ids;
  ids.push_back(id);
  co_await broker->cancel(std::move(ids));
  co_return 0;
}

}  // namespace

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "coterie-cli-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder: " + name);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Folder::write(const std::string& name, const std::string& text) const {
  std::ofstream out(path_ / name, std::ios::binary);
  out << text;
}

std::string Folder::read(const std::string& name) const {
  std::ifstream in(path_ / name, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Folder::lines(const std::string& name) const {
  std::ifstream in(path_ / name, std::ios::binary);
  std::vector<std::string> all;
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

bool Folder::exists(const std::string& name) const {
  return std::filesystem::exists(path_ / name);
}

void Folder::make_fifo(const std::string& name) const {
  if (::mkfifo(path(name).c_str(), 0600) != 0) throw std::runtime_error("no FIFO: " + name);
}

std::string Folder::wait_at(const std::string& fifo) const {
  return read(fifo);
}

pid_t Folder::start(const std::vector<std::string>& args, const std::string& input) const {
  write(".input", input);
  std::string binary = std::string(COTERIE_BIN_DIR) + "/coterie";
  std::vector<std::string> owned = args;
  std::vector<char*> argv;
  argv.push_back(binary.data());
  for (std::string& arg : owned) argv.push_back(arg.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addchdir_np(&files, path_.c_str());
  posix_spawn_file_actions_addopen(&files, 0, ".input", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, ".out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&files, 2, ".err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGTERM);
  posix_spawnattr_setsigdefault(&how, &stops);  // whoever started the tests may ignore them
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, binary.c_str(), &files, &how, argv.data(), environ);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw std::runtime_error("cannot start " + binary);
  return pid;
}

Ended Folder::wait(pid_t pid) const {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  Ended ended;
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ended.out = read(".out");
  ended.err = read(".err");
  return ended;
}

std::vector<queue::JobInfo> Folder::jobs(const std::string& database) const {
  return coterie::run(list_all("sqlite://" + path(database)));
}

void Folder::cancel(const std::string& database, const queue::JobId& id) const {
  (void)coterie::run(cancel_one("sqlite://" + path(database), id));
}

bool is_gone(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(in, text)) return true;
  const std::size_t close = text.rfind(')');
  return close == std::string::npos || text[close + 2] == 'Z' || text[close + 2] == 'X';
}

Changes::Changes(const std::string& folder) : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (fd_ < 0 || ::inotify_add_watch(fd_, folder.c_str(), IN_MODIFY | IN_CREATE) < 0)
    throw std::runtime_error("no inotify here");
}

Changes::~Changes() {
  ::close(fd_);
}

void Changes::wait(const std::string& name, int count, pid_t pid) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  alignas(inotify_event) std::array<char, 4096> buffer;
  while (count > 0) {
    std::array<pollfd, 2> events{{{fd_, POLLIN, 0}, {pidfd, POLLIN, 0}}};
    if (::poll(events.data(), events.size(), -1) < 0 || events[1].revents != 0) break;
    const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      if (event->len > 0 && std::string(event->name).starts_with(name)) --count;
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  ::close(pidfd);
}

}  // namespace cli_test
