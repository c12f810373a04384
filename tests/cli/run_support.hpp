#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace cli_test {

/// How a command ended and what it said.
struct Ended {
  int code = -1;  ///< as the shell has it: 128 + the signal
  std::string out;
  std::string err;
};

/// A folder of its own, and the real binary in it.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();

  [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string read(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> lines(const std::string& name) const;
  [[nodiscard]] bool exists(const std::string& name) const;
  void make_fifo(const std::string& name) const;
  /// Opens a FIFO and reads to its end: a command that writes to it has come so far, and may go on.
  [[nodiscard]] std::string wait_at(const std::string& fifo) const;

  /// Starts `coterie args…` here; its output goes to files.
  [[nodiscard]] pid_t start(const std::vector<std::string>& args, const std::string& input = "") const;
  [[nodiscard]] Ended wait(pid_t pid) const;
  [[nodiscard]] Ended run(const std::vector<std::string>& args, const std::string& input = "") const {
    return wait(start(args, input));
  }

  /// All jobs of the broker "sqlite://<name>" in this folder.
  [[nodiscard]] std::vector<coterie::queue::JobInfo> jobs(const std::string& database) const;
  /// What `coterie cancel` does.
  void cancel(const std::string& database, const coterie::queue::JobId& id) const;

 private:
  std::filesystem::path path_;
};

/// The process is gone, or only nobody has reaped it.
[[nodiscard]] bool is_gone(pid_t pid);

/// Sees writes to files of a folder as they happen.
class Changes {
 public:
  explicit Changes(const std::string& folder);
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;
  ~Changes();
  /// Returns after so many writes to files whose names begin with `name`, or when `pid` has ended.
  void wait(const std::string& name, int count, pid_t pid);

 private:
  int fd_;
};

}  // namespace cli_test
