#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/task.hpp"
#include "src/dashboard/history.hpp"

namespace coterie::dashboard {

/// Looks at the broker once a second, for all pages together, and keeps what it saw.
class Monitor {
 public:
  /// `keep`: what it saw is kept in the broker, too.
  Monitor(std::shared_ptr<queue::Broker> broker, bool keep);
  /// Until it is cancelled. A broker that cannot be reached is asked again.
  Task<void> run();

  /// Grows by one with each look.
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
  /// Grows when a look sees that jobs have changed.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  /// {"at_ms":…,"queues":[…],"rates":…}, documented as Overview in openapi.json.
  [[nodiscard]] const std::string& overview() const noexcept { return overview_; }
  [[nodiscard]] const History& history() const noexcept { return history_; }
  /// Why the broker cannot be asked; empty when it can.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  Task<void> look();
  Task<void> load();
  Task<void> save();

  std::shared_ptr<queue::Broker> broker_;
  bool keep_;
  History history_;
  std::vector<queue::QueueInfo> queues_;
  std::vector<std::string> paused_;
  std::string overview_;
  std::string problem_ = "the broker has not been asked yet";
  std::uint64_t sequence_ = 0;
  std::uint64_t version_ = 0;  ///< the broker's, at the last look
  std::uint64_t changes_ = 0;
  std::string rows_;
  queue::UnixMillis saved_at_ = 0;
};

}  // namespace coterie::dashboard
