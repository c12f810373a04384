#pragma once
#include <memory>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/task.hpp"
#include "src/dashboard/filter.hpp"

namespace coterie::dashboard {

/// What an answer may cost where few jobs match.
inline constexpr std::uint64_t most_scanned = 100'000;
/// Of a filter that the broker itself chooses by: a page is there at once, whatever stands in it.
inline constexpr std::chrono::milliseconds most_list_time{200};
/// Of one that needs each job's arguments or error.
inline constexpr std::chrono::milliseconds most_scan_time{1000};

struct Found {
  std::vector<queue::JobInfo> jobs;
  std::uint64_t next = 0;     ///< the cursor behind what was looked at; 0: that was all
  std::uint64_t scanned = 0;  ///< jobs that were looked at
  bool bounded = false;       ///< it stopped looking before there were enough: `next` goes on
  Found() = default;
};

/// Which part of all that match.
struct Part {
  bool newest_first = false;
  std::uint64_t after = 0;  ///< the cursor of the part before, in the same order; 0: from the start
  std::uint32_t limit = 50;
  Part() = default;
};
[[nodiscard]] Task<Found> search(std::shared_ptr<queue::Broker> broker, Filter filter, Part part);

struct Count {
  std::uint64_t jobs = 0;
  std::uint64_t next = 0;  ///< the look was cut short: the cursor behind what was looked at; 0: that is all
  Count() = default;
};
/// How many match behind the cursor `after`; 0: of all.
[[nodiscard]] Task<Count> count(std::shared_ptr<queue::Broker> broker, Filter filter,
                                std::uint64_t after = 0);

}  // namespace coterie::dashboard
