#pragma once
#include <cstdint>
#include <vector>

#include "coterie/task.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// Sentinels publish a failover there: "name old-host old-port new-host new-port".
inline constexpr std::string_view switch_channel = "+switch-master";

/// What one sentinel knows.
struct SentinelAnswer {
  Address master;
  /// Counts the failovers: of two that differ, the one with the higher epoch is right. 0: it does not say.
  std::uint64_t epoch = 0;
  /// The other sentinels of this master, at most `asked_most`.
  std::vector<Address> others;
  SentinelAnswer() = default;
};

/// How to talk to that sentinel: with the sentinels' user and password.
[[nodiscard]] Settings settings_of_sentinel(const Settings& settings, const Address& sentinel);

/// Asks one sentinel over a connection of its own, within a second. BrokerUnavailable where it does not
/// answer; BadBroker where it answers and cannot help: a wrong password, a name that it does not know, no
/// sentinel.
[[nodiscard]] Task<SentinelAnswer> ask_sentinel(Settings settings, Address sentinel);

}  // namespace coterie::brokers::redis
