#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace coterie::cli {

/// What a progress display shows at one moment.
struct Progress {
  std::uint64_t total = 0;
  std::uint64_t ended = 0;   ///< of the total, also those that failed
  std::uint64_t failed = 0;  ///< of those that ended
  std::uint64_t running = 0;
  double per_second = 0;  ///< ends, lately; 0: not known yet
  double elapsed_s = 0;

  Progress() = default;
};

/// One line of at most `width` columns, without a newline; the less room, the less it says:
///
///     [##########>           ]  847/2000  42%  3 failed  8 running  512/s  ETA 0:02
[[nodiscard]] std::string render_progress(const Progress& progress, unsigned width);
/// "0:07", "12:30", "3:00:00", "4 d 2 h".
[[nodiscard]] std::string clock_text(double seconds);

/// How many a second, over the last ten seconds. Says nothing before a fifth of a second has passed.
class RateMeter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  void note(TimePoint now, std::uint64_t count);
  [[nodiscard]] double per_second() const noexcept;

 private:
  struct Sample {
    TimePoint at;
    std::uint64_t count = 0;
  };
  std::deque<Sample> samples_;
};

/// Draws on stderr. On a terminal one line that is overwritten in place, cut to the terminal's width, gone at
/// the end; elsewhere a plain line every ten seconds. Writes nothing else to the terminal: no cursor hidden,
/// no mode changed, so there is nothing to restore when the process is killed.
class ProgressDisplay {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Mode { automatic, off };
  explicit ProgressDisplay(Mode mode = Mode::automatic);
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;
  ~ProgressDisplay() { clear(); }

  /// How often show() is worth calling.
  [[nodiscard]] std::chrono::milliseconds interval() const noexcept;
  void show(const Progress& progress);
  /// A line of its own, above the bar.
  void say(std::string_view line);
  /// The same for trouble: also when the display is off.
  void warn(std::string_view line);
  /// Takes the bar off the terminal.
  void clear();

 private:
  bool terminal_ = false;
  bool quiet_ = false;
  std::string shown_;
};

}  // namespace coterie::cli
