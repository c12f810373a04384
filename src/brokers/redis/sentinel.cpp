#include "src/brokers/redis/sentinel.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "src/brokers/redis/ask.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/link.hpp"

namespace coterie::brokers::redis {
namespace {

using queue::BadBroker;

constexpr std::size_t shown_bytes = 255;
constexpr std::size_t names_shown = 8;

[[noreturn]] void refuse(const Settings& sentinel, const std::string& why) {
  throw BadBroker(sentinel.url() + ": " + why);
}

/// Nothing where it is none.
std::optional<Address> address_of(const Reply& host, const Reply& port) {
  const std::optional<std::uint16_t> number = read_port(port.string());
  if (!number || !is_host(host.string())) return std::nullopt;
  return Address(host.string(), *number);
}

/// The value of a field in `[field, value, field, value, …]`.
const Reply* field(const Reply& reply, std::string_view name) {
  const std::vector<Reply>& items = reply.array();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    if (items[i].string() == name) return &items[i + 1];
  return nullptr;
}

void check_spoken(const Settings& settings, const Settings& sentinel, const Reply& reply) {
  if (!reply.is_error()) return;
  if (reply.is_error("NOPERM")) {
    const std::string user = sentinel.user.empty() ? "default" : sentinel.user;
    refuse(sentinel, "its user '" + user +
                         "' may not ask for the master: allow it, at each sentinel, as by ACL SETUSER " +
                         user +
                         " on >… resetchannels &+switch-master +ping +subscribe +client|setname +sentinel");
  }
  if (reply.error().find("unknown command") != std::string::npos)
    refuse(sentinel,
           "what answers there is no sentinel but a Redis server: sentinels listen at 26379 by "
           "default; for one server without them write " +
               std::string(settings.tls ? "rediss" : "redis") + "://" + sentinel.address().text());
  refuse(sentinel, "it does not say where the master is: " + reply.describe());
}

/// What is beyond the address helps, and is never needed: a sentinel may leave it out.
void read_more(const Reply& master, const Reply& sentinels, SentinelAnswer& answer) {
  try {
    if (const Reply* const epoch = field(master, "config-epoch")) {
      const std::string& digits = epoch->string();
      std::from_chars(digits.data(), digits.data() + digits.size(), answer.epoch);
    }
    for (const Reply& one : sentinels.array()) {
      if (answer.others.size() == asked_most) break;
      const Reply* const host = field(one, "ip");
      const Reply* const port = field(one, "port");
      const std::optional<Address> address = host && port ? address_of(*host, *port) : std::nullopt;
      if (address) answer.others.push_back(*address);
    }
  } catch (const UnexpectedReply&) {
  }
}

/// For who has misspelled the name.
Task<std::string> known_names(Link& link) {
  const Reply masters = co_await link.call(Command("SENTINEL").arg("MASTERS"));
  std::string names;
  try {
    std::size_t count = 0;
    for (const Reply& one : masters.array()) {
      const Reply* const name = field(one, "name");
      if (name == nullptr || ++count > names_shown) continue;
      names.append(names.empty() ? "'" : ", '").append(name->string().substr(0, shown_bytes)).append("'");
    }
  } catch (const UnexpectedReply&) {
  }
  co_return names;
}

Task<SentinelAnswer> ask(Link& link, const Settings& settings, const Settings& sentinel) {
  co_await greet_subscriber(link, sentinel);
  std::vector<Command> commands;
  const std::string& name = settings.master_name;
  commands.push_back(Command("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name));
  commands.push_back(Command("SENTINEL").arg("MASTER").arg(name));
  commands.push_back(Command("SENTINEL").arg("SENTINELS").arg(name));
  const std::vector<Reply> replies = co_await link.call_all(commands);
  const Reply& where = replies[0];
  check_spoken(settings, sentinel, where);
  if (where.is_nil()) {
    const std::string names = co_await known_names(link);
    refuse(sentinel, "it watches no master '" + name + "'" + (names.empty() ? "" : ", but " + names) +
                         ": correct the name behind the last host of the URL, or its `sentinel monitor`");
  }
  SentinelAnswer answer;
  std::optional<Address> address;
  try {
    address = address_of(where.at(0), where.at(1));
  } catch (const UnexpectedReply&) {
  }
  if (!address)
    refuse(sentinel,
           "what it gave is no address of a master: " + where.describe() + ": is it a sentinel of Redis?");
  answer.master = *address;
  read_more(replies[1], replies[2], answer);
  co_return answer;
}

}  // namespace

Settings settings_of_sentinel(const Settings& settings, const Address& sentinel) {
  Settings at(settings);
  at.sentinels.clear();
  at.is_sentinel = true;
  at.host = sentinel.host;
  at.port = sentinel.port;
  at.database = 0;
  at.user = settings.sentinel_user;
  at.password = settings.sentinel_password;
  at.connect_timeout = std::min(settings.connect_timeout, answer_within);
  at.limits.bulk_bytes = std::size_t{64} << 10;
  at.limits.array_items = 4096;
  return at;
}

Task<SentinelAnswer> ask_sentinel(Settings settings, Address sentinel) {
  const Settings at = settings_of_sentinel(settings, sentinel);
  const auto questions = [&](Link& link) { return ask(link, settings, at); };
  SentinelAnswer answer = co_await ask_alone<SentinelAnswer>(at, questions);
  co_return answer;
}

}  // namespace coterie::brokers::redis
