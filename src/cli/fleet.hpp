#pragma once
#include <string>

#include "coterie/queue/fleet.hpp"
#include "src/debug/request.hpp"

namespace coterie::cli {

/// What a worker has said of itself, as one line of JSON.
[[nodiscard]] std::string worker_json(const queue::WorkerInfo& worker);

/// Asks a worker of a queue what its process does, through the broker. `who`: its name, or the beginning of
/// its id where several have that. UsageError where that is no worker, or several; Unanswered where it does
/// not answer within 2 s. Where the answer had to be cut, a line on stderr says so.
[[nodiscard]] std::string ask_worker(const std::string& broker_url, const std::string& who,
                                     const debug::Request& request);

}  // namespace coterie::cli
