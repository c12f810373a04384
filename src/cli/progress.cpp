#include "src/cli/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace coterie::cli {
namespace {

constexpr auto rate_window = std::chrono::seconds(10);
constexpr auto rate_step = std::chrono::milliseconds(200);

std::string rate_text(double per_second) {
  char text[32];
  std::snprintf(text, sizeof(text), per_second < 10 ? "%.1f/s" : "%.0f/s", per_second);
  return text;
}

unsigned terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

/// A reader that has gone away is no reason to stop the work.
void write_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(STDERR_FILENO, text.data(), text.size());
    if (wrote > 0)
      text.remove_prefix(static_cast<std::size_t>(wrote));
    else if (errno != EINTR)
      return;
  }
}

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(std::ceil(std::min(std::max(seconds, 0.0), 1e12)));
  char text[48];
  if (whole >= 48 * 3600)
    std::snprintf(text, sizeof(text), "%lld d %lld h", whole / 86400, whole % 86400 / 3600);
  else if (whole >= 3600)
    std::snprintf(text, sizeof(text), "%lld:%02lld:%02lld", whole / 3600, whole % 3600 / 60, whole % 60);
  else
    std::snprintf(text, sizeof(text), "%lld:%02lld", whole / 60, whole % 60);
  return text;
}

std::string render_progress(const Progress& p, unsigned width) {
  const double part =
      p.total == 0 ? 1.0 : std::min(1.0, static_cast<double>(p.ended) / static_cast<double>(p.total));
  // In order of importance: what does not fit is left out from the end.
  std::vector<std::string> pieces;
  pieces.push_back(std::to_string(p.ended) + "/" + std::to_string(p.total));
  if (p.failed > 0) pieces.push_back(std::to_string(p.failed) + " failed");
  pieces.push_back(std::to_string(static_cast<int>(part * 100)) + "%");
  if (p.per_second > 0 && p.ended < p.total)
    pieces.push_back("ETA " + clock_text(static_cast<double>(p.total - p.ended) / p.per_second));
  if (p.per_second > 0) pieces.push_back(rate_text(p.per_second));
  if (p.running > 0) pieces.push_back(std::to_string(p.running) + " running");

  std::string text;
  for (const std::string& piece : pieces) {
    const std::size_t gap = text.empty() ? 0 : 2;
    if (text.size() + gap + piece.size() > width) break;
    text.append(gap, ' ').append(piece);
  }
  constexpr std::size_t least_bar = 10;
  constexpr std::size_t most_bar = 40;
  if (width < text.size() + least_bar + 4) return text;
  const std::size_t cells = std::min(most_bar, width - text.size() - 4);
  const auto full = static_cast<std::size_t>(part * static_cast<double>(cells));
  std::string bar = "[" + std::string(full, '#');
  if (full < cells) bar += '>' + std::string(cells - full - 1, ' ');
  return bar + "]  " + text;
}

void RateMeter::note(TimePoint now, std::uint64_t count) {
  // The newest sample moves with the time until it is a step away from the one before.
  if (samples_.size() >= 2 && samples_.back().at - samples_[samples_.size() - 2].at < rate_step)
    samples_.pop_back();
  samples_.push_back({now, count});
  while (samples_.size() > 2 && now - samples_[1].at >= rate_window) samples_.pop_front();
}

double RateMeter::per_second() const noexcept {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> time = samples_.back().at - samples_.front().at;
  if (time < rate_step) return 0;
  return static_cast<double>(samples_.back().count - samples_.front().count) / time.count();
}

ProgressDisplay::ProgressDisplay(Mode mode) : quiet_(mode == Mode::off) {
  const char* kind = std::getenv("TERM");
  terminal_ = !quiet_ && ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

std::chrono::milliseconds ProgressDisplay::interval() const noexcept {
  return terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10'000);
}

void ProgressDisplay::show(const Progress& progress) {
  if (quiet_) return;
  if (!terminal_) {
    write_stderr(render_progress(progress, 79 - 14) + "\n");
    return;
  }
  // One column is left free: a full line would make some terminals wrap.
  std::string line = render_progress(progress, std::max(terminal_width(), 2U) - 1);
  if (line == shown_) return;
  write_stderr("\r" + line + "\x1b[K");
  shown_ = std::move(line);
}

void ProgressDisplay::say(std::string_view line) {
  if (!quiet_) warn(line);
}

void ProgressDisplay::warn(std::string_view line) {
  std::string text = shown_.empty() ? "" : "\r\x1b[K";
  text.append(line).append(1, '\n').append(shown_);
  write_stderr(text);
}

void ProgressDisplay::clear() {
  if (!shown_.empty()) write_stderr("\r\x1b[K");
  shown_.clear();
}

}  // namespace coterie::cli
