#pragma once
#include <unistd.h>
#include <csignal>

#include <cstdio>
#include <fstream>
#include <string>

#include "coterie/io/fd.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"

namespace coterie::io_test {

/// Whether a process exists and is no zombie.
inline bool alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(stat, line)) return false;
  const auto end = line.rfind(')');
  return end != std::string::npos && line.at(end + 2) != 'Z' && line.at(end + 2) != 'X';
}

/// Waits, a tick at a time, for something that another process does and cannot tell.
template <class Condition>
Task<void> until(Condition condition) {
  while (!condition()) co_await sleep(std::chrono::milliseconds(1));
}

/// A file that goes away at the end.
class TempFile {
 public:
  TempFile() {
    const int fd = ::mkstemp(path_);
    if (fd >= 0) ::close(fd);
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() { ::unlink(path_); }
  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  char path_[32] = "/tmp/coterie-io-XXXXXX";
};

}  // namespace coterie::io_test
