#pragma once
#include <functional>
#include <string>

#include "coterie/task.hpp"

namespace coterie::cli {

/// Does `step` again, with growing pauses, for as long as it throws BrokerUnavailable; says so once. For what
/// follows the work of a run: a broker that does not answer then is waited for, as a worker does. Each try
/// must be as good as the first. A cancel ends it.
Task<void> until_answered(std::function<Task<void>()> step, std::function<void(const std::string&)> warn);

}  // namespace coterie::cli
