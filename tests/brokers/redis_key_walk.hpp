#pragma once
#include <string>
#include <vector>

#include "tests/brokers/redis_keys.hpp"

namespace broker_suite {

/// Something in a queue's keys that contradicts their layout (scripts/prelude.lua).
struct KeyFinding {
  enum class Kind {
    wrong,        ///< a job stands where it cannot be found, a count is too low: something is lost
    left_behind,  ///< more than there should be. Only a script that failed midway leaves that, and whoever
                  ///< comes upon it drops it; a count stays too high
  };
  Kind kind = Kind::wrong;
  std::string text;  ///< names the key
};

/// Each job is in exactly one state: it stands in the structures of its state and in no others, counts and
/// indexes are what is there, leases have owners, who waits is waited for, no key is without the job it
/// belongs to. Knows the layout by itself, and shares no code with the broker.
[[nodiscard]] std::vector<KeyFinding> walk_keys(const RedisKeys& keys);

}  // namespace broker_suite
