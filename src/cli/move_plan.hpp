#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::cli {

/// What can go from one broker to another now, and what must stay.
///
/// Jobs that wait for each other go together: as long as one of them runs, or stands in a queue that is not
/// moved, all stay. So nobody waits for a job that is elsewhere.
struct MovePlan {
  std::vector<queue::JobId> singles;  ///< wait for nobody and nobody waits for them; ready ones first
  std::vector<std::vector<queue::JobId>>
      groups;  ///< each in an order in which all stand behind what they wait for
  std::unordered_map<queue::JobId, std::vector<queue::JobId>> after;  ///< of those in groups
  std::map<queue::JobState, std::uint64_t> counts;                    ///< of both, by state
  std::uint64_t leased = 0;        ///< jobs of these queues that a worker has
  std::vector<queue::JobId> held;  ///< jobs of these queues that would go, but for one that stays
  std::set<std::string> workers;   ///< that have the leased ones; up to `workers_told`

  static constexpr std::size_t workers_told = 5;

  MovePlan() = default;
  [[nodiscard]] std::uint64_t jobs() const;
  [[nodiscard]] bool empty() const noexcept { return singles.empty() && groups.empty(); }
};

/// Looks at all jobs of `broker` that have not ended. `queues`: those that are moved; empty: all.
[[nodiscard]] Task<MovePlan> plan_move(std::shared_ptr<queue::Broker> broker, std::set<std::string> queues);

}  // namespace coterie::cli
