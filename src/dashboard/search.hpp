#pragma once
#include <memory>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/task.hpp"
#include "src/dashboard/filter.hpp"

namespace coterie::dashboard {

/// What a filter that the broker cannot answer alone may cost.
inline constexpr std::uint64_t most_scanned = 100'000;
inline constexpr std::chrono::milliseconds most_scan_time{1000};

struct Found {
  std::vector<queue::JobInfo> jobs;
  std::uint64_t next = 0;     ///< the cursor behind what was looked at; 0: that was all
  std::uint64_t scanned = 0;  ///< jobs that were looked at
  bool bounded = false;       ///< it stopped looking before there were enough: `next` goes on
  Found() = default;
};

/// Up to `limit` jobs behind the cursor `after`.
[[nodiscard]] Task<Found> search(std::shared_ptr<queue::Broker> broker, Filter filter, std::uint64_t after,
                                 std::uint32_t limit);

struct Count {
  std::uint64_t jobs = 0;
  bool bounded = false;  ///< at least so many: the look was cut short
  Count() = default;
};
[[nodiscard]] Task<Count> count(std::shared_ptr<queue::Broker> broker, Filter filter);

}  // namespace coterie::dashboard
