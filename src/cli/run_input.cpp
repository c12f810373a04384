#include "src/cli/run_input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "coterie/queue/id.hpp"
#include "src/cli/command.hpp"
#include "src/cli/exec_handler.hpp"

namespace coterie::cli {
namespace {

/// What a Text file may hold beyond printable characters is the shell's business; only what JSON cannot carry
/// is not.
bool is_utf8(std::string_view text) {
  return clean_tail(text, text.size()) == text;
}

std::string read_all(int fd, const std::string& shown) {
  std::string text;
  std::size_t used = 0;
  for (;;) {
    text.resize(used + (std::size_t{64} << 10) + used / 2);
    const ssize_t got = ::read(fd, text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw UsageError("cannot read " + shown + ": " + std::strerror(errno));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used > run_input_bytes)
      throw UsageError(shown + " has more than " + std::to_string(run_input_bytes >> 20) +
                       " MiB: split it into several runs");
  }
  text.resize(used);
  return text;
}

}  // namespace

RunInput parse_run_input(std::string_view text, const std::string& shown) {
  RunInput input;
  input.shown = shown;
  std::string seed;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (std::uint64_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto refuse = [&](const std::string& why) {
      throw UsageError(std::string(shown).append(", line ").append(std::to_string(number)).append(": ") +
                       why);
    };
    if (line.find('\0') != std::string_view::npos)
      refuse("a NUL byte: this is no text file, give one shell command a line");
    const std::size_t first = line.find_first_not_of(" \t\v\f");
    if (first == std::string_view::npos || line[first] == '#') continue;
    if (line.size() > run_line_bytes)
      refuse(std::to_string(line.size()) + " bytes, a command has at most " + std::to_string(run_line_bytes) +
             ": put it into a script and run that");
    if (!is_utf8(line))
      refuse("not UTF-8: convert the file (iconv -t UTF-8), or put the command into a script");
    if (input.lines.size() == run_lines)
      refuse("more than " + std::to_string(run_lines) + " commands: split the file into several runs");
    input.lines.push_back({number, std::string(line)});
    seed.append(std::to_string(number)).append(1, ' ').append(line).append(1, '\n');
  }
  // Of the commands alone: a comment that changes changes no job.
  input.hash = queue::derived_uuid(seed).str();
  return input;
}

RunInput read_run_input(const std::string& file) {
  if (file == "-") {
    RunInput input = parse_run_input(read_all(STDIN_FILENO, "standard input"), "standard input");
    input.source = "-";
    return input;
  }
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    throw UsageError("cannot read '" + file + "': " + std::strerror(errno) +
                     "; give a file with one shell command a line, or - for standard input");
  }
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } const closer{fd};
  struct stat info{};
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
    throw UsageError("'" + file +
                     "' is a directory; give a file with one shell command a line, or - for standard input");
  RunInput input = parse_run_input(read_all(fd, "'" + file + "'"), "'" + file + "'");
  std::error_code error;
  input.source = std::filesystem::weakly_canonical(file, error).string();
  if (error) input.source = std::filesystem::absolute(file, error).string();
  return input;
}

}  // namespace coterie::cli
