#pragma once
// Who lives in a simulated world. Each is a task, and ends when its part is done.
#include <memory>

#include "coterie/task.hpp"
#include "tests/simulation/queue/world.hpp"

namespace coterie::simulation {

/// Enqueues `jobs` jobs, the numbers from `first` on, in batches; repeats what was not confirmed, gives up
/// now and then, and waits for the end of some. `name` is its process's.
[[nodiscard]] Task<void> produce(std::shared_ptr<World> world, std::string name, std::uint32_t first,
                                 std::uint32_t jobs);

/// Cancels jobs and retries those that have failed, sets the clock, cuts the broker off, until it is calm.
[[nodiscard]] Task<void> meddle(std::shared_ptr<World> world, std::uint32_t jobs);

/// A place where workers run one after the other, each until it is killed, drained, or sent home.
[[nodiscard]] Task<void> employ(std::shared_ptr<World> world, std::uint32_t place);

}  // namespace coterie::simulation
