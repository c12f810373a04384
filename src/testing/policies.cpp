#include "src/testing/policies.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "coterie/sched/fair_share.hpp"
#include "coterie/sched/priority.hpp"
#include "coterie/sched/weighted_round_robin_policy.hpp"

namespace coterie::testing {

std::unique_ptr<ReadyQueue> policy_by_environment() {
  const char* value = std::getenv("COTERIE_POLICY");
  const std::string name = value != nullptr ? value : "";
  if (name.empty() || name == "fifo") return nullptr;
  if (name == "priority") return std::make_unique<PriorityPolicy>();
  if (name == "aging") {
    PriorityOptions options;
    options.aging = 16;
    return std::make_unique<PriorityPolicy>(options);
  }
  if (name == "weighted-round-robin") return std::make_unique<WeightedRoundRobinPolicy>();
  if (name == "fair-share") return std::make_unique<FairSharePolicy>();
  throw std::invalid_argument("COTERIE_POLICY=" + name +
                              ": give fifo, priority, aging, weighted-round-robin or fair-share");
}

}  // namespace coterie::testing
