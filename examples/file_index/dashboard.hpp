#pragma once
#include <memory>
#include <string>

#include "coterie/queue/broker.hpp"
#include "coterie/task.hpp"
#include "display.hpp"

namespace file_index {

/// Shows the run in a browser, on this machine alone, until it is cancelled: at the usual port, or at one
/// that is free where somebody has that. Where it cannot, it says why, and the run goes on without.
[[nodiscard]] coterie::Task<void> show_dashboard(std::shared_ptr<coterie::queue::Broker> broker,
                                                 std::shared_ptr<Progress> progress);

/// What to type to look at a run that is over; empty where nothing is kept.
[[nodiscard]] std::string how_to_look_again(const std::string& broker);

}  // namespace file_index
