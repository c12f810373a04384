#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/fleet.hpp"

/// What brokers have in common about workers.
namespace coterie::queue {

/// A report as it is kept, all but the incarnation: JSON. Reading takes what it knows and leaves the rest, so
/// that a worker may be of another version than who looks.
[[nodiscard]] std::string write_report(const WorkerReport& report);
[[nodiscard]] WorkerReport read_report(std::string_view text, const Uuid& incarnation);

/// Of a worker of which this was heard last.
[[nodiscard]] WorkerState state_of(const WorkerReport& report, UnixMillis heard_at, UnixMillis now);
/// Why a worker is not asked; nothing: it is. `waiting`: questions that it has not answered yet.
[[nodiscard]] std::optional<WorkerAnswer> not_to_be_asked(const WorkerReport& report, WorkerState state,
                                                          std::size_t waiting);
/// In order, and no more than are given. `more`: there are others.
[[nodiscard]] Fleet make_fleet(std::vector<WorkerInfo> workers, UnixMillis now, bool more);

}  // namespace coterie::queue
