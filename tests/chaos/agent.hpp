#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "coterie/queue/broker.hpp"
#include "events.hpp"

namespace chaos {

/// What the orchestrator tells a process that it starts.
struct Orders {
  std::string url;         ///< of the broker
  std::uint64_t number;    ///< of this process in the run; never given twice
  std::uint64_t seed;      ///< of its own chances
  std::uint64_t lease_ms;  ///< worker: its leases
  std::uint64_t jobs;      ///< worker: at a time. Producer: a second
  std::uint64_t poison;    ///< producer: how many of its jobs kill whoever runs them
};

/// Opens the broker, as soon as it can be reached.
[[nodiscard]] std::shared_ptr<coterie::queue::Broker> open_in_time(const std::string& url);

/// Enqueues until SIGTERM: jobs of all kinds, in batches whose ids follow from run and number. A batch that
/// got no answer is asked again with the same ids, or, now and then, left alone. Gives the exit code.
int produce(const Orders& orders, const Events& events);

/// Works until SIGTERM, with a handler for each kind. Gives the exit code.
int work(const Orders& orders, const Events& events);

/// What handlers do. The name says what becomes of a run, and history.py knows it too.
inline constexpr const char* kinds[] = {"ok", "slow", "flaky", "pool", "stubborn", "block", "poison"};

}  // namespace chaos
