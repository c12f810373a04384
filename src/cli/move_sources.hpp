#pragma once
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/brokers/move_note.hpp"

namespace coterie::cli {

using MovePlace = brokers::MovePlace;

/// How moves know `broker`. Writes its id there, where it has none.
[[nodiscard]] Task<MovePlace> place_of(queue::Broker& broker);
/// What to say behind the URL of `noted`, which is another broker than `named`: where it is called so, or
/// that it was another one; empty where the URL says enough.
[[nodiscard]] std::string told_apart(const MovePlace& noted, const MovePlace& named);

/// What a broker remembers of the moves to it that have not ended: their sources. Nothing is moved on from
/// there meanwhile: what such a move has sent and not withdrawn it sends again when it goes on, and it would
/// run in the third place too.
[[nodiscard]] Task<std::vector<MovePlace>> move_sources(queue::Broker& target);
/// A move from `source` begins or goes on; before it looks whether somebody moves jobs away from `target`, so
/// that of two that begin at once one sees the other.
Task<void> add_move_source(queue::Broker& target, MovePlace source);
/// It has ended: nothing that it has sent is in both places.
Task<void> drop_move_source(queue::Broker& target, MovePlace source);
/// Jobs were moved on from `target` whatever may run twice: none of those moves forbids that any more.
Task<void> drop_move_sources(queue::Broker& target);

}  // namespace coterie::cli
