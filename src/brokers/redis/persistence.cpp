#include "src/brokers/redis/persistence.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/servers.hpp"
#include "src/brokers/redis/shards.hpp"

namespace coterie::brokers::redis {
namespace {

/// How much of what it is told a server has when it was killed, the least first.
enum class Keeps : std::uint8_t { nothing, perhaps_snapshots, snapshots, all };

/// The server of that shard. A user without the right to CONFIG GET is not tried where it does not matter.
Task<Keeps> look_at(Servers* servers, std::uint32_t shard) {
  std::vector<Command> commands;
  commands.push_back(Command("INFO").arg("persistence"));
  Task<std::vector<Reply>> asking = servers->send(shard, std::move(commands));
  const std::vector<Reply> told = co_await std::move(asking);
  const Reply& info = told.at(0);
  if (info.kind() != Reply::Kind::string || info_line(info.string(), "aof_enabled") != "0")
    co_return Keeps::all;
  commands.clear();
  commands.push_back(Command("CONFIG").arg("GET").arg("save"));
  Task<std::vector<Reply>> asking_more = servers->send(shard, std::move(commands));
  const std::vector<Reply> settings = co_await std::move(asking_more);
  const Reply& save = settings.at(0);
  if (save.kind() != Reply::Kind::array || save.array().size() != 2) co_return Keeps::perhaps_snapshots;
  co_return save.at(1).string().empty() ? Keeps::nothing : Keeps::snapshots;
}

std::string what_is_lost(Keeps kept) {
  if (kept == Keeps::nothing)
    return "it keeps nothing (appendonly no, and save is empty): when redis-server ends, every job is gone";
  if (kept == Keeps::snapshots)
    return "it keeps snapshots only (appendonly no): any end of redis-server but an orderly one loses all "
           "since the last of them";
  return "it keeps no append-only file (appendonly no): when redis-server is killed, all since its last "
         "snapshot is lost, if it makes any";
}

}  // namespace

Task<std::optional<std::string>> persistence_warning(Servers* servers, const Shards* shards) {
  const Settings& settings = servers->settings();
  if (settings.accept_loss) co_return std::nullopt;
  const std::uint32_t looked_at = settings.by_cluster() ? shards->size() : 1;
  Keeps least = Keeps::all;
  for (std::uint32_t shard = 0; shard < looked_at; ++shard) {
    Task<Keeps> looking = look_at(servers, shard);
    const Keeps kept = co_await std::move(looking);
    least = std::min(least, kept);
  }
  if (least == Keeps::all) co_return std::nullopt;
  co_return settings.url() + ": " + what_is_lost(least) + ": CONFIG SET appendonly yes" +
      (settings.by_cluster() ? " at each node" : "") +
      ", and the same in redis.conf; ?accept_loss=yes where that is meant";
}

}  // namespace coterie::brokers::redis
