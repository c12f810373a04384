#include "display.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace file_index {
namespace {

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
std::string
format(const char* pattern, ...) {
  std::array<char, 512> text{};
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text.data(), text.size(), pattern, arguments);
  va_end(arguments);
  return text.data();
}

/// 1234567 → "1,234,567"
std::string count(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3;) text.insert(i -= 3, 1, ',');
  return text;
}

std::string size(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return unit == 0 ? format("%.0f B", value) : format("%.1f %s", value, units[unit]);
}

std::string duration(double seconds) {
  if (seconds < 60) return format("%.1f s", seconds);
  const auto whole = static_cast<long>(seconds);
  if (whole < 3600) return format("%ld min %02ld s", whole / 60, whole % 60);
  return format("%ld h %02ld min", whole / 3600, whole / 60 % 60);
}

std::string ratio(std::uint64_t bytes, std::uint64_t compressed) {
  return bytes == 0 || compressed == 0
             ? "-"
             : format("%.1f : 1", static_cast<double>(bytes) / static_cast<double>(compressed));
}

/// Where a character begins, so that nothing is cut in the middle of one.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Below the folder, and the end of what is too long.
std::string shown(std::string path, const std::string& folder, std::size_t columns) {
  const std::string prefix = encode_path(folder) + "/";
  if (path.starts_with(prefix)) path.erase(0, prefix.size());
  if (width(path) <= columns) return path;
  std::size_t cut = 0;
  for (std::size_t left = width(path); left > columns - 1 || (path[cut] & 0xC0) == 0x80; ++cut)
    left -= (path[cut] & 0xC0) != 0x80 ? 1 : 0;
  return "…" + path.substr(cut);
}

std::string pad(std::string text, std::size_t columns) {
  return text + std::string(columns - std::min(columns, width(text)), ' ');
}

}  // namespace

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::job_finished(const coterie::queue::JobContext&, const coterie::queue::JobEnd& end) {
  if (end.succeeded || end.kind != coterie::queue::FailKind::give_back)
    latencies_.push_back(std::chrono::duration<float, std::milli>(end.ran).count());
}

void Progress::log(coterie::queue::LogLevel level, std::string_view line) {
  if (level == coterie::queue::LogLevel::debug) return;
  clear();
  std::fprintf(stderr, "file_index: %.*s\n", static_cast<int>(line.size()), line.data());
}

void Progress::say(const std::string& line) {
  clear();
  std::fprintf(stderr, terminal_ ? "%s" : "%s\n", line.c_str());
  drawn_ = terminal_;
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void Progress::update(const coterie::queue::QueueInfo& queue) {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  for (const auto& [state, jobs] : queue.counts) {
    total += jobs;
    if (coterie::queue::is_final(state)) done += jobs;
  }
  const Clock::time_point now = Clock::now();
  if (total_ == 0) done_at_start_ = done;
  done_ = done;
  total_ = total;
  constexpr auto line_every = std::chrono::seconds(2);
  if (total == 0 || (!terminal_ && now < last_line_ + line_every)) return;
  last_line_ = now;
  const double part = static_cast<double>(done) / static_cast<double>(total);
  const double rate = seconds() > 0 ? static_cast<double>(done - done_at_start_) / seconds() : 0;
  std::string line = format("%s of %s jobs, %.0f/s", count(done).c_str(), count(total).c_str(), rate);
  if (rate > 0) line += ", " + duration(static_cast<double>(total - done) / rate) + " left";
  if (terminal_) {
    constexpr std::size_t columns = 30;
    const auto filled = static_cast<std::size_t>(part * columns);
    std::string bar;
    for (std::size_t i = 0; i < columns; ++i) bar += i < filled ? "█" : "░";
    line = format("  %s %3.0f %%  ", bar.c_str(), std::floor(part * 100)) + line;
  }
  say(line);
}

void Progress::say_stopped(const std::string& broker) const {
  std::fprintf(stderr, "file_index: stopped after %s of %s jobs. ", count(done_).c_str(),
               count(total_).c_str());
  if (broker.starts_with("memory:"))
    std::fprintf(stderr, "They were in memory, and are gone with this process.\n");
  else
    std::fprintf(stderr, "Nothing is lost: they are in\n%s, and the same command goes on with them.\n",
                 broker.c_str());
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - started_).count();
}

double Progress::latency_ms(double part) {
  if (latencies_.empty()) return 0;
  const auto place = static_cast<std::ptrdiff_t>(part * static_cast<double>(latencies_.size() - 1));
  std::nth_element(latencies_.begin(), latencies_.begin() + place, latencies_.end());
  return latencies_[static_cast<std::size_t>(place)];
}

std::string table(const Summary& summary, Progress& progress, const std::string& folder) {
  std::uint64_t failed = 0;
  for (const auto& [reason, failures] : summary.failures) failed += failures.files;

  std::string out = "\n  " + encode_path(folder) + "\n\n";
  const auto row = [&](const char* name, const std::string& value) {
    out += "  " + pad(name, 10) + value + "\n";
  };
  row("files", count(summary.files) + " indexed, " + count(failed) + " failed" +
                   (summary.links == 0 ? "" : ", " + count(summary.links) + " links not followed"));
  row("bytes", size(summary.bytes) + ", zlib " + ratio(summary.bytes, summary.compressed));
  row("text", count(summary.lines) + " lines, " + count(summary.words) + " words");
  const double seconds = progress.seconds();
  const auto here = static_cast<double>(progress.finished_here());
  row("time", duration(seconds) + format(", %.0f jobs/s", here / std::max(seconds, 1e-3)));
  row("latency", format("p50 %.1f ms, p99 %.1f ms", progress.latency_ms(0.50), progress.latency_ms(0.99)));

  if (!summary.largest.empty()) {
    out += "\n  " + pad("the largest", 48) + format("%12s %12s %10s  sha256\n", "size", "lines", "zlib");
    for (const FileFacts& file : summary.largest)
      out += "  " + pad(shown(file.path, folder, 47), 48) +
             format("%12s %12s %10s  %.12s\n", size(file.bytes).c_str(), count(file.lines).c_str(),
                    ratio(file.bytes, file.compressed).c_str(), file.sha256.c_str());
  }
  if (!summary.failures.empty()) {
    out += "\n  " + pad("failed because", 36) + "   files  for example\n";
    for (const auto& [reason, failures] : summary.failures)
      out += "  " + pad(reason, 36) + format("%8s  ", count(failures.files).c_str()) +
             shown(failures.example, folder, 60) + "\n";
  }
  return out + "\n";
}

}  // namespace file_index
