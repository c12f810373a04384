#pragma once
#include <optional>
#include <string>

#include "coterie/task.hpp"

namespace coterie::brokers::redis {

class Servers;
class Shards;

/// Whether the servers of these shards keep what they are told: one line where one of them does not, with the
/// cure. Nothing where all do, where the URL says accept_loss=yes, and where the server does not tell.
[[nodiscard]] Task<std::optional<std::string>> persistence_warning(Servers* servers, const Shards* shards);

}  // namespace coterie::brokers::redis
