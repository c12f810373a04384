#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coterie/log.hpp"
#include "coterie/loop.hpp"
#include "coterie/queue/broker.hpp"
#include "coterie/task.hpp"
#include "src/dashboard/history.hpp"

namespace coterie::dashboard {

/// Looks at the broker once a second, for all pages together, and keeps what it saw.
class Monitor {
 public:
  /// `keep`: what it saw is kept in the broker, too. `log`: see DashboardOptions::log.
  Monitor(std::shared_ptr<queue::Broker> broker, bool keep, std::shared_ptr<LogSink> log = nullptr);
  /// Until it is cancelled. A broker that cannot be reached is asked again.
  Task<void> run();

  /// Grows by one with each look.
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
  /// Grows when a look sees that jobs have changed.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  /// {"at_ms":…,"queues":[…],"counts":…}, documented as Overview in openapi.json.
  [[nodiscard]] const std::string& overview() const noexcept { return overview_; }
  /// Of one queue, or of all (""). Null: none is kept of it.
  [[nodiscard]] const History* history(std::string_view queue) const;
  /// Queues that a history is kept of: the first ones that were seen, as long as they are there.
  static constexpr std::size_t most_queues = 16;
  /// Queues that an overview names, for every page gets it once a second; of more the sums alone are told.
  static constexpr std::size_t most_rows = 1000;
  /// Why the broker cannot be asked; empty when it can.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  /// It was asked, and did not answer: what the overview says is of before.
  [[nodiscard]] bool is_away() const noexcept { return asked_ && !problem_.empty(); }

 private:
  /// What is told of all queues or one, and up to which point the broker has it, of each range that is kept.
  struct Kept {
    History history;
    std::array<queue::UnixMillis, History::ranges.size()> saved{};
  };
  Task<void> look();
  void note_answer(std::string problem);
  [[nodiscard]] std::string queue_rows(std::size_t& left_out) const;
  Task<std::vector<queue::JobInfo>> ended();
  Task<void> add_to_histories(std::vector<queue::JobInfo> ended, queue::UnixMillis now);
  Task<void> load(std::string queue, Kept& kept);
  Task<void> save_one();
  Task<bool> save(std::string queue, Kept& kept);

  std::shared_ptr<queue::Broker> broker_;
  bool keep_;
  Logger log_;
  Kept all_;
  std::map<std::string, Kept, std::less<>> by_queue_;
  std::optional<queue::UnixMillis> ended_until_;  ///< the latest end that was seen
  std::vector<queue::QueueInfo> queues_;
  std::vector<std::string> paused_;
  std::string overview_;
  std::string problem_ = "the broker has not been asked yet";
  bool asked_ = false;
  TimePoint away_since_{};
  std::uint64_t sequence_ = 0;
  std::uint64_t version_ = 0;  ///< the broker's, at the last look
  std::uint64_t changes_ = 0;
  std::string rows_;
  std::string counts_;
};

}  // namespace coterie::dashboard
