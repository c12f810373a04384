#include "src/cli/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <span>

#include "coterie/io/fd.hpp"
#include "src/cli/command.hpp"

namespace coterie::cli {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{64} << 10;

std::string shorten(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

Output& Output::standard() {
  static Output out(STDOUT_FILENO);
  return out;
}

void Output::write(std::string_view text) {
  buffer_.append(text);
  if (buffer_.size() >= buffer_bytes) flush();
}

void Output::line(std::string_view text) {
  write(text);
  write("\n");
}

void Output::flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const std::ptrdiff_t written =
        io::write_without_sigpipe(fd_, std::as_bytes(std::span(left.data(), left.size())));
    if (written >= 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      buffer_.clear();
      throw OutputClosed();
    } else if (errno == EAGAIN) {  // whoever shares the descriptor has made it non-blocking
      pollfd writable{fd_, POLLOUT, 0};
      (void)::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      const int error = errno;
      buffer_.clear();
      throw UsageError(std::string("the output cannot be written: ") + std::strerror(error));
    }
  }
  buffer_.clear();
}

bool Output::is_terminal() const {
  return ::isatty(fd_) == 1;
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

std::string human_count(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string counted(std::uint64_t number, const std::string& noun) {
  return human_count(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string human_time(std::int64_t milliseconds) {
  if (milliseconds < 0) return "-" + human_time(-milliseconds);
  if (milliseconds < 1000) return std::to_string(milliseconds) + " ms";
  if (milliseconds < 60'000) return shorten("%.1f s", static_cast<double>(milliseconds) / 1000);
  char text[48];
  const long long seconds = milliseconds / 1000;
  if (seconds < 3600)
    std::snprintf(text, sizeof text, "%lldm %02llds", seconds / 60, seconds % 60);
  else if (seconds < 86'400)
    std::snprintf(text, sizeof text, "%lldh %02lldm", seconds / 3600, seconds / 60 % 60);
  else
    std::snprintf(text, sizeof text, "%lldd %lldh", seconds / 86'400, seconds / 3600 % 24);
  return text;
}

std::string iso_time(std::int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(unix_ms % 1000));
  return text;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(display_width(column.title));
}

void Table::row(const std::vector<std::string>& cells) {
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    shown.push_back(clip(printable(i < cells.size() ? cells[i] : ""), columns_[i].widest));
    widths_[i] = std::max(widths_[i], display_width(shown.back()));
  }
  rows_.push_back(std::move(shown));
}

void Table::flush(Output& out) {
  if (!headed_) {
    std::vector<std::string> titles;
    titles.reserve(columns_.size());
    for (const Column& column : columns_) titles.push_back(column.title);
    print(out, titles);
    headed_ = true;
  }
  for (const auto& cells : rows_) print(out, cells);
  rows_.clear();
}

void Table::print(Output& out, const std::vector<std::string>& cells) const {
  std::string line;
  std::size_t owed = 0;  // no blanks at a line's end
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t pad = widths_[i] - display_width(cells[i]);
    if (columns_[i].right) owed += pad;
    if (!cells[i].empty()) {
      line.append(owed, ' ').append(cells[i]);
      owed = 0;
    }
    if (!columns_[i].right) owed += pad;
    owed += 2;
  }
  out.line(line);
}

}  // namespace coterie::cli
