#include "src/cli/run_results.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <utility>

#include "src/cli/command.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

constexpr std::string_view first_bytes = R"({"id":")";
constexpr std::size_t uuid_length = 36;
constexpr std::string_view behind_the_id = R"(","line":)";  // other commands' lines go on otherwise
constexpr std::size_t start_length = first_bytes.size() + uuid_length + behind_the_id.size();

/// Of a line that begins with `first_bytes`.
std::optional<queue::JobId> id_in(std::string_view line) {
  return queue::parse_uuid(line.substr(first_bytes.size(), uuid_length));
}

/// The beginning of a results file, or of one that was torn there.
bool begins_as_ours(std::string_view start) {
  const auto fits = [&](std::size_t at, std::string_view text) {
    const std::string_view there = start.substr(std::min(at, start.size()), text.size());
    return there == text.substr(0, there.size());
  };
  return fits(0, first_bytes) && fits(first_bytes.size() + uuid_length, behind_the_id);
}

/// Whole or not at all, as far as the kernel lets us: 0, or errno.
int write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote >= 0)
      text.remove_prefix(static_cast<std::size_t>(wrote));
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

void close_fd(int& fd) noexcept {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

}  // namespace

std::string result_line(const queue::JobId& id, const RunLine& line, std::string_view state,
                        std::uint32_t attempts, const ExecEnd& end) {
  JsonObject json;
  json.add("id", id.str()).add("line", line.number).add("command", line.text).add("state", state);
  json.add("attempts", attempts);
  if (end.exit_code) json.add("exit_code", *end.exit_code);
  if (!end.signal.empty()) json.add("signal", end.signal);
  if (end.duration_ms) json.add("duration_ms", *end.duration_ms);
  if (!end.error.empty()) json.add("error_type", end.error).add("error", end.message);
  json.add("output", end.output);
  if (end.truncated) json.add("truncated", true);
  return json.str();
}

std::string result_line(const RunLine& line, const queue::JobInfo& job) {
  ExecEnd end;
  if (job.state == queue::JobState::done)
    end = read_exec_result(job.result);
  else if (job.error)
    end = read_exec_error(*job.error);
  if (!end.duration_ms && job.started_at != 0 && job.finished_at >= job.started_at)
    end.duration_ms = job.finished_at - job.started_at;
  return result_line(job.id, line, to_string(job.state), job.attempt, end);
}

bool says_done(std::string_view result_line) {
  // A quote within the command is escaped, so this cannot be a part of it.
  return result_line.find(R"(,"state":"done",)") != std::string_view::npos;
}

ResultsFile::ResultsFile(const std::string& path) : ResultsFile() {
  shown_ = path;
  if (path.empty()) refuse("an empty name");
  if (path == "-")
    throw UsageError(
        "--results '-': results are a file, rebuilt at the run's end, and not standard output: name one, "
        "./- if it is to be called so");
  open_locked();
  char start[start_length];
  const ssize_t got = ::pread(fd_, start, sizeof start, 0);
  const std::string_view read(start, got > 0 ? static_cast<std::size_t>(got) : 0);
  if (!begins_as_ours(read)) refuse("it exists and does not hold results of a run, so it is not overwritten");
  // It will be replaced by a new file beside it.
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  if (::access(folder.c_str(), W_OK | X_OK) != 0) refuse("in '" + folder + "': " + std::strerror(errno));
}

ResultsFile::~ResultsFile() {
  if (part_ >= 0) ::unlink((path_ + ".part").c_str());
  close_fd(part_);
  if (created_) ::unlink(path_.c_str());  // while it is locked: nobody else has written to it
  close_fd(fd_);
}

void ResultsFile::refuse(const std::string& why) const {
  throw UsageError("--results '" + shown_ + "': " + why + "; name a file that can be written");
}

/// Two runs must not have one file: each would write it anew without the other's lines. The lock is on the
/// file itself, and commit() puts a new one in its place that is locked already, so what was locked may have
/// been replaced meanwhile.
void ResultsFile::open_locked() {
  for (;;) {
    struct stat named{};
    const bool there = ::stat(shown_.c_str(), &named) == 0;
    if (there && !S_ISREG(named.st_mode)) refuse("not a regular file");
    fd_ = ::open(shown_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd_ < 0) refuse(std::strerror(errno));
    // A file system without locks has none to respect.
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      throw UsageError("--results '" + shown_ +
                       "': it is in use by another run: wait for that, or name another file");
    }
    struct stat locked{};
    if (::stat(shown_.c_str(), &named) == 0 && ::fstat(fd_, &locked) == 0 && named.st_dev == locked.st_dev &&
        named.st_ino == locked.st_ino) {
      created_ = !there && locked.st_size == 0;
      break;
    }
    close_fd(fd_);
  }
  std::error_code error;
  path_ = std::filesystem::canonical(shown_, error).string();  // a link stays one
  if (error) refuse(error.message());
}

void ResultsFile::fail(const std::string& what) const {
  throw std::runtime_error("cannot write the results to '" + shown_ + "': " + what);
}

std::unordered_map<queue::JobId, std::string> ResultsFile::lines_of(
    const std::unordered_set<queue::JobId>& ids) const {
  std::unordered_map<queue::JobId, std::string> lines;
  if (ids.empty()) return lines;
  std::ifstream in(path_);
  std::string line;
  while (std::getline(in, line)) {
    if (in.eof() || !line.starts_with(first_bytes) || !line.ends_with('}')) continue;  // torn
    const auto id = id_in(line);
    if (id && ids.contains(*id)) lines[*id] = line;
  }
  return lines;
}

bool ResultsFile::is_empty() const {
  struct stat info{};
  return ::stat(path_.c_str(), &info) != 0 || info.st_size == 0;
}

bool ResultsFile::is_of_others(const std::unordered_set<queue::JobId>& ids) const {
  std::ifstream in(path_);
  std::string line;
  bool any = false;
  while (std::getline(in, line)) {
    if (in.eof() || !line.starts_with(first_bytes)) continue;  // torn
    const auto id = id_in(line);
    if (id && ids.contains(*id)) return false;
    any = true;
  }
  return any;
}

void ResultsFile::begin() {
  close_fd(part_);
  part_ = ::open((path_ + ".part").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (part_ < 0) fail(std::strerror(errno));
  (void)::flock(part_, LOCK_EX | LOCK_NB);
  buffer_.clear();
}

void ResultsFile::flush() {
  const int error = write_all(part_, buffer_);
  buffer_.clear();
  if (error == 0) return;
  ::unlink((path_ + ".part").c_str());
  close_fd(part_);
  fail(std::strerror(error));
}

void ResultsFile::add(std::string_view line) {
  buffer_.append(line).append(1, '\n');
  if (buffer_.size() >= std::size_t{256} << 10) flush();
}

void ResultsFile::commit() {
  flush();
  const std::string part = path_ + ".part";
  struct stat old{};
  if (::stat(path_.c_str(), &old) == 0) (void)::fchmod(part_, old.st_mode & 07777);
  if (::fsync(part_) != 0 || ::rename(part.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(part.c_str());
    close_fd(part_);
    fail(std::strerror(error));
  }
  close_fd(fd_);
  fd_ = std::exchange(part_, -1);
  created_ = false;
  append_error_.clear();
}

bool ResultsFile::append(std::string_view line) noexcept {
  if (fd_ < 0 || !append_error_.empty()) return false;
  try {
    std::string text(line);
    text += '\n';
    const off_t before = ::lseek(fd_, 0, SEEK_END);
    const int error = before < 0 ? errno : write_all(fd_, text);
    if (error == 0) return true;
    append_error_ = std::strerror(error);
    (void)!::ftruncate(fd_, before);  // no half line; if even that fails, the next start mends it
  } catch (...) {
    append_error_ = "out of memory";
  }
  return false;
}

}  // namespace coterie::cli
