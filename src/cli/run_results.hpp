#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "coterie/queue/broker.hpp"
#include "src/cli/exec_handler.hpp"
#include "src/cli/run_input.hpp"

namespace coterie::cli {

/// One line of a results file: JSON, without the newline.
///
///     {"id":"…","line":3,"command":"false","state":"dead","attempts":1,"exit_code":1,"error":"exit code
///     1","output":""}
///
/// `state` is done, dead or cancelled; forgotten where the broker keeps nothing of it any more.
[[nodiscard]] std::string result_line(const queue::JobId& id, const RunLine& line, std::string_view state,
                                      std::uint32_t attempts, const ExecEnd& end);
/// The same from the broker's record, which must be final.
[[nodiscard]] std::string result_line(const RunLine& line, const queue::JobInfo& job);
/// Whether a line of a results file says that its command has succeeded.
[[nodiscard]] bool says_done(std::string_view result_line);

/// The file of `--results`. While the run works, lines are appended in the order in which commands end; a
/// kill can tear the last one. At a run's start and at its end the whole file is written anew from the
/// broker, in the order of the input, beside the old one, and put in its place in one step.
class ResultsFile {
 public:
  /// Refuses, before anything runs, what could not be written later, a file that is none of ours, and one
  /// that another run has open: UsageError. It is locked (flock) until the end of this; one that was made for
  /// that and never committed is removed again.
  explicit ResultsFile(const std::string& path);
  ResultsFile(const ResultsFile&) = delete;
  ResultsFile& operator=(const ResultsFile&) = delete;
  ~ResultsFile();
  [[nodiscard]] const std::string& path() const noexcept { return shown_; }
  /// Absolute, without links.
  [[nodiscard]] const std::string& location() const noexcept { return path_; }

  /// Whole lines that the file has of these jobs.
  [[nodiscard]] std::unordered_map<queue::JobId, std::string> lines_of(
      const std::unordered_set<queue::JobId>& ids) const;

  /// It holds nothing, or is not there yet.
  [[nodiscard]] bool is_empty() const;

  /// It has whole lines, and none is of these jobs: it belongs to another run.
  [[nodiscard]] bool is_of_others(const std::unordered_set<queue::JobId>& ids) const;

  // Anew: begin(), add() each line, commit(). Throw std::runtime_error naming the file; the old one is then
  // as it was.
  void begin();
  void add(std::string_view line);
  void commit();

  /// Adds a line; false, and the file without it, when that failed. Never throws.
  bool append(std::string_view line) noexcept;
  [[nodiscard]] const std::string& append_error() const noexcept { return append_error_; }

 private:
  ResultsFile() = default;
  [[noreturn]] void refuse(const std::string& why) const;
  [[noreturn]] void fail(const std::string& what) const;
  void open_locked();
  void flush();
  std::string shown_;
  std::string path_;
  int fd_ = -1;    // appends, and has the lock
  int part_ = -1;  // the new file
  bool created_ = false;
  std::string buffer_;
  std::string append_error_;
};

}  // namespace coterie::cli
