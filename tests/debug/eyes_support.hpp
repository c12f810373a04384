#pragma once
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "coterie/coterie.hpp"
#include "src/debug/directory.hpp"
#include "src/debug/server.hpp"

namespace coterie::test {

/// A folder of its own, gone with it.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/coterie-eyes-XXXXXX";
    path = ::mkdtemp(name);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

/// A debug server of this process in a folder of its own.
struct Eyes {
  Folder folder;
  debug::DebugServer server;

  explicit Eyes(int dump_signal = 0) : server(options(folder.path, dump_signal)) {}
  static debug::ServerOptions options(const std::string& path, int dump_signal) {
    debug::ServerOptions options;
    options.directory = path;
    options.dump_signal = dump_signal;
    return options;
  }
};

/// Writes `text` and reads all that comes back; "refused" when nobody listens.
inline std::string say(const std::string& path, const std::string& text) {
  const int fd = debug::connect_to(path);
  if (fd < 0) return "refused";
  (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  std::string answer;
  char piece[4096];
  for (ssize_t got = 0; (got = ::recv(fd, piece, sizeof piece, 0)) > 0;)
    answer.append(piece, static_cast<std::size_t>(got));
  ::close(fd);
  return answer;
}

/// Tasks that have begun, on any loop.
class Begun {
 public:
  void one_more() {
    count_.fetch_add(1);
    count_.notify_all();
  }
  void wait_for(int count) const {
    for (int seen = count_.load(); seen < count; seen = count_.load()) count_.wait(seen);
  }

 private:
  std::atomic<int> count_{0};
};

inline Task<void> sleeps(Begun& begun) {
  begun.one_more();
  co_await sleep(std::chrono::hours(1));
}

/// Blocks a thread until it is let go, in a system call as real code does.
class Block {
 public:
  Block() {
    if (::pipe(fds_) != 0) std::abort();
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  [[gnu::noinline]] void stand_here() {
    stands_.store(true);
    stands_.notify_all();
    pollfd readable{fds_[0], POLLIN, 0};
    while (::poll(&readable, 1, -1) <= 0) {  // EINTR
    }
  }
  void wait_until_it_stands() const { stands_.wait(false); }
  void let_go() const { (void)!::write(fds_[1], "x", 1); }

 private:
  std::atomic<bool> stands_{false};
  int fds_[2] = {-1, -1};
};

}  // namespace coterie::test
