#pragma once
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::cli {

/// What a broker remembers of the moves to it that have not ended: the places of their sources, without
/// passwords. Nothing is moved on from there meanwhile: what such a move has sent and not withdrawn it sends
/// again when it goes on, and it would run in the third place too.
[[nodiscard]] Task<std::vector<std::string>> move_sources(queue::Broker& target);
/// A move from `source` begins or goes on; before it looks whether somebody moves jobs away from `target`, so
/// that of two that begin at once one sees the other.
Task<void> add_move_source(queue::Broker& target, std::string source);
/// It has ended: nothing that it has sent is in both places.
Task<void> drop_move_source(queue::Broker& target, std::string source);
/// Jobs were moved on from `target` whatever may run twice: none of those moves forbids that any more.
Task<void> drop_move_sources(queue::Broker& target);
/// A broker's URL by which it is the same from each folder: with the whole path of a file.
[[nodiscard]] std::string place_of(const std::string& url);

}  // namespace coterie::cli
