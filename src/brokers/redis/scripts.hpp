#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/task.hpp"
#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/link.hpp"

namespace coterie::brokers::redis {

/// The scripts of scripts/*.lua, each of which is one call of a shard. What they are given and give stands
/// above each.
enum class Script : std::uint8_t {
  enqueue,
  depend,
  settle,
  extend,
  take,
  cancel,
  retry,
  purge,
  list,
  get,
  queues,
  known,
  put_note,
  bury,
  pass,
  touch,
  rights,
  layout,
  member,
  depend_far,
  outbox,
  deliver,
  delivered,
  pause,
  withdraw,
  readmit,
  ended,
  announce,
  members,
  ask,
  answer,
  links,
};
inline constexpr std::size_t script_count = 32;

[[nodiscard]] std::string_view to_string(Script script) noexcept;
/// What the server is given: the prelude, what several have in common, the script. Made once in a process.
[[nodiscard]] const std::string& source_of(Script script);

/// The commands that any of them calls, each once.
[[nodiscard]] const std::vector<std::string>& commands_in_scripts();

/// What loads all of them.
[[nodiscard]] std::vector<Command> script_loads();
/// Loads what the server of a fresh connection lacks: whoever reconnects, and every worker but the first,
/// sends names and not all the sources.
Task<void> load_scripts(Link& link, const Settings& settings);

/// Sends calls of scripts, and commands among them, in one write, and gives their replies in their order; an
/// error of the server is a reply. One that has lost its scripts (SCRIPT FLUSH, a failover) is given them
/// again; the connection to one that has become a replica is given up. The commands live until it has ended.
Task<std::vector<Reply>> send_scripts(Connection& connection, const std::vector<Command>& commands);

/// The beginning of a call: EVALSHA and the one key.
[[nodiscard]] Command script_call(Script script, std::string_view key, std::size_t room = 0);
/// The same of one without keys.
[[nodiscard]] Command script_call(Script script);

}  // namespace coterie::brokers::redis
