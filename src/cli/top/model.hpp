#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::cli::top {

/// How many jobs end a second, from counts that are looked at now and then. Jobs that are forgotten meanwhile
/// make it less.
class Rates {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// Looks back so many samples.
  static constexpr std::size_t kept = 60;

  void note(TimePoint now, const std::vector<queue::QueueInfo>& queues);
  /// Between the samples, the oldest first; empty before the second one.
  [[nodiscard]] std::vector<double> of(const std::string& queue) const;

 private:
  struct Series {
    std::uint64_t ended = 0;
    std::deque<double> per_second;
  };
  std::map<std::string, Series> queues_;
  std::optional<TimePoint> before_;
};

/// Of the last five samples, for a number that can be read; nothing yet: negative.
[[nodiscard]] double mean_of_last(const std::vector<double>& per_second) noexcept;

struct QueueRow {
  queue::QueueInfo info;
  bool paused = false;
  std::vector<double> ended_per_second;  ///< as Rates gives it

  QueueRow() = default;
  [[nodiscard]] std::uint64_t count(queue::JobState state) const;
  [[nodiscard]] double rate() const noexcept { return mean_of_last(ended_per_second); }
};

/// The tasks of a process of this machine and user, as `coterie dump` prints them.
struct ProcessTasks {
  std::int64_t pid = 0;
  std::string dump;

  ProcessTasks() = default;
  ProcessTasks(std::int64_t its_pid, std::string text) : pid(its_pid), dump(std::move(text)) {}
};

/// What a broker said at one moment.
struct Sample {
  std::string broker;         ///< its URL
  queue::UnixMillis now = 0;  ///< this machine's
  std::vector<QueueRow> queues;
  std::vector<queue::JobInfo> running;  ///< the first `most_jobs` of them
  std::vector<queue::JobInfo> failed;   ///< the same
  queue::Fleet fleet;                   ///< all that have announced themselves, idle ones too
  std::optional<queue::JobInfo> opened;
  std::vector<ProcessTasks> processes;  ///< only where somebody looks at them
  std::string trouble;  ///< why the newest look failed; empty: it did not. All else is then what was before.

  static constexpr std::uint32_t most_jobs = 500;
  Sample() = default;
  [[nodiscard]] std::uint64_t total(queue::JobState state) const;
};

enum class Page : std::uint8_t { queues, running, failed, workers, tasks };
inline constexpr int page_count = 5;

/// What shall be done, once a person has said yes to it.
struct Request {
  enum class Kind : std::uint8_t { nothing, quit, look, cancel, retry, pause, resume };
  Kind kind = Kind::nothing;
  queue::JobId job;
  std::string queue;

  Request() = default;
};

/// Where the person in front of it is.
struct View {
  Page page = Page::queues;
  std::string chosen;      ///< key of the row; none such: the first
  std::string filter;      ///< rows that contain it, in upper or lower case
  bool typing = false;     ///< keys go into the filter
  std::size_t sorted = 0;  ///< by which column; 0: as they come
  bool reversed = false;
  bool held = false;  ///< no new samples
  bool help = false;
  std::optional<queue::JobId> open;  ///< the job whose details are shown
  std::size_t scrolled = 0;          ///< lines of these above the screen
  std::optional<Request> question;   ///< is to be confirmed
  std::string notice;                ///< what came of the last request

  View() = default;
};

}  // namespace coterie::cli::top
