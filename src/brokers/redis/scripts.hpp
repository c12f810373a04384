#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/task.hpp"
#include "src/brokers/redis/command.hpp"
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
};
inline constexpr std::size_t script_count = 26;

[[nodiscard]] std::string_view to_string(Script script) noexcept;
/// What the server is given: the prelude, what several have in common, the script.
[[nodiscard]] std::string source_of(Script script);

/// The commands that any of them calls, each once.
[[nodiscard]] std::vector<std::string> commands_in_scripts();

/// The names by which servers know them: those of one broker share these, for they are the hashes of what
/// they are given.
class Scripts {
 public:
  /// What loads all of them.
  [[nodiscard]] static std::vector<Command> loads();
  /// The same, on a fresh connection.
  Task<void> load(Link& link, const Settings& settings);
  /// The beginning of a call: EVALSHA and the one key.
  [[nodiscard]] Command command(Script script, std::string_view key, std::size_t room = 0) const;
  /// The same of one without keys.
  [[nodiscard]] Command command(Script script) const;

 private:
  std::array<std::string, script_count> shas_;
};

}  // namespace coterie::brokers::redis
