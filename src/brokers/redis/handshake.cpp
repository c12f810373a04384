#include "src/brokers/redis/handshake.hpp"

#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "src/brokers/redis/link.hpp"
#include "src/brokers/redis/server_error.hpp"

namespace coterie::brokers::redis {
namespace {

using queue::BadBroker;
using queue::BrokerUnavailable;

constexpr std::string_view no_script = "0000000000000000000000000000000000000000";

[[noreturn]] void refuse(const Settings& settings, const std::string& why) {
  throw BadBroker(settings.url() + ": " + why);
}

std::string user_text(const Settings& settings) {
  return settings.user.empty() ? "the default user" : "user '" + settings.user + "'";
}

/// What any command may be answered with by a server that takes none from us.
void check_admission(const Settings& settings, const Reply& reply) {
  if (!reply.is_error()) return;
  if (reply.is_error("DENIED"))
    refuse(settings,
           "the server is in protected mode and takes no connections from other machines: give it a password "
           "(requirepass) and a bind address, and put the password into the URL");
  if (reply.is_error("NOAUTH"))
    refuse(settings,
           settings.is_sentinel
               ? "it wants a password of its own: ?sentinel_password=…, and sentinel_user=… where it "
                 "has users"
               : "the server wants a password: redis://:password@host, or user:password@");
  if (reply.is_error("LOADING") || reply.is_error("BUSY") || reply.is_error("MASTERDOWN"))
    throw BrokerUnavailable(settings.url() + ": the server is not ready (" + reply.error() +
                            "): try again shortly");
  if (reply.error().find("max number of clients") != std::string::npos)
    throw BrokerUnavailable(settings.url() +
                            ": the server has too many clients: raise its maxclients, or close some");
}

void check_auth(const Settings& settings, const Reply& reply) {
  if (!reply.is_error()) return;
  check_admission(settings, reply);
  if (reply.is_error("WRONGPASS"))
    refuse(settings, "wrong password for " + user_text(settings) + ", or no such user: correct " +
                         (settings.is_sentinel ? "sentinel_password in the URL" : "the URL"));
  if (reply.error().find("without any password configured") != std::string::npos)
    refuse(
        settings,
        settings.is_sentinel
            ? "the URL has a sentinel_password, the sentinel has none: leave it out, or set requirepass there"
            : "the URL has a password, the server has none: leave it out, or set requirepass at the server");
  refuse(settings, "AUTH was refused: " + reply.describe());
}

void check_select(const Settings& settings, const Reply& reply) {
  if (!reply.is_error()) return;
  check_admission(settings, reply);
  const std::string number = std::to_string(settings.database);
  if (reply.error().find("out of range") != std::string::npos)
    refuse(settings, "the server has no database " + number +
                         ": take a smaller number (0 to 15 by default), or raise its `databases`");
  if (reply.error().find("cluster mode") != std::string::npos)
    refuse(settings, "a cluster has only database 0: leave /" + number + " out");
  refuse(settings, "SELECT " + number + " was refused: " + reply.describe());
}

/// `command` as the ACL calls it; `name`: of the key or channel that it was tried on.
void check_permitted(const Settings& settings, const Reply& reply, std::string_view command,
                     std::string_view name = {}) {
  if (!reply.is_error("NOPERM")) return;
  const bool may_run_it = reply.error().find("access one of the") != std::string::npos;
  const std::string what =
      may_run_it ? std::string(command) + " on " + std::string(name) : std::string(command);
  refuse(settings, user_text(settings) + " may not run " + what + ": allow it, as by " + acl_cure(settings));
}

/// Rights that are used later, in the middle of a script or by the connection that listens. They are looked
/// at before where the slot is: who is sent elsewhere has them.
class Rights {
 public:
  explicit Rights(const Settings& settings) : settings_(settings), name_(settings.prefix() + "probe") {}
  void ask(std::vector<Command>& commands) {
    first_ = commands.size();
    commands.push_back(Command("EVALSHA").arg(no_script).arg(1).arg(name_));
    commands.push_back(Command("TIME"));
    commands.push_back(Command("SPUBLISH").arg(name_).arg(""));
    commands.push_back(Command("SSUBSCRIBE").arg(name_));
    commands.push_back(Command("SUNSUBSCRIBE").arg(name_));
  }
  void check(const std::vector<Reply>& replies) const {
    check_permitted(settings_, replies.at(first_), "EVALSHA", name_);
    check_permitted(settings_, replies.at(first_ + 1), "TIME");
    check_permitted(settings_, replies.at(first_ + 2), "SPUBLISH", name_);
    check_permitted(settings_, replies.at(first_ + 3), "SSUBSCRIBE", name_);
    check_permitted(settings_, replies.at(first_ + 4), "SUNSUBSCRIBE");
    const Reply& evaluated = replies.at(first_);
    // What mode it runs in, ServerInfo tells.
    if (!evaluated.is_error("NOSCRIPT") && !is_elsewhere(evaluated))
      refuse(settings_,
             "the server runs no scripts; is EVALSHA renamed there? It gave " + evaluated.describe());
  }

 private:
  const Settings& settings_;
  const std::string name_;
  std::size_t first_ = 0;
};

template <class Number>
std::string_view read_number(std::string_view text, Number& number) {
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  (void)error;
  return text.substr(static_cast<std::size_t>(stopped - text.data()));
}

/// What INFO says of its role.
void check_master(const Settings& settings, const std::string& text) {
  if (info_line(text, "role") != "slave") return;
  const std::string master =
      std::string(info_line(text, "master_host")) + ":" + std::string(info_line(text, "master_port"));
  if (settings.was_named())
    throw BrokerUnavailable(settings.url() + ": " + (settings.by_sentinel() ? "a sentinel" : "the cluster") +
                            " names it as the master, but it is a replica of " + master +
                            ": a failover is under way, try again shortly");
  refuse(settings, "the server is a replica, which only its master may write to: name the master, " + master);
}

void check_info(const Settings& settings, const std::string& text, const ServerInfo& info) {
  constexpr std::uint32_t oldest = 7;
  if (info.version.empty())
    refuse(settings, "the server does not say its version (INFO): it is no Redis, or its INFO was renamed");
  if (info.major < oldest) refuse(settings, "Redis " + info.version + " is too old: 7.0 or newer is needed");
  if (info.mode == "sentinel")
    refuse(settings, "it is a sentinel, which keeps no jobs: to use the master that it watches write " +
                         std::string(settings.tls ? "rediss" : "redis") + "+sentinel://" +
                         settings.address().text() + "/mymaster");
  check_master(settings, text);
  if (info_line(text, "loading") == "1")
    throw BrokerUnavailable(settings.url() + ": the server still loads its data: try again shortly");
}

/// The first command stands alone: a server that takes nobody answers it and hangs up.
Task<void> introduce(Link& link, const Settings& settings, std::string_view name) {
  if (settings.authenticates()) {
    Command auth("AUTH");
    if (!settings.user.empty()) auth.arg(settings.user);
    auth.arg(settings.password);
    const Reply reply = co_await link.call(std::move(auth));
    check_auth(settings, reply);
  }
  // Only a name in CLIENT LIST: a user who may not give one is served too.
  const Reply reply = co_await link.call(Command("CLIENT").arg("SETNAME").arg(name));
  check_admission(settings, reply);
}

}  // namespace

std::string_view info_line(std::string_view text, std::string_view key) {
  for (std::size_t at = 0; (at = text.find(key, at)) != std::string_view::npos; at += key.size()) {
    const bool begins = at == 0 || text[at - 1] == '\n';
    const std::size_t value = at + key.size();
    if (!begins || value >= text.size() || text[value] != ':') continue;
    const std::string_view rest = text.substr(value + 1);
    return rest.substr(0, rest.find_first_of("\r\n"));
  }
  return {};
}

namespace {

std::string user_of(const Settings& settings) {
  return settings.user.empty() ? "default" : settings.user;
}
std::string keys_of(const Settings& settings) {
  return "{" + settings.key_namespace + ":*}*";
}
/// By category only what needs a key, so that it reaches no further than the user's.
std::string commands_for(const Settings& settings) {
  std::string more;
  if (settings.by_cluster()) more += " +cluster|slots +cluster|nodes";
  if (asks_for(settings, Durable::Level::fsync)) more += " +config|get";
  if (asks_for(settings, Durable::Level::replicas)) more += " +wait";
  if (settings.database != 0) more += " +select";
  return "+exists +del +unlink +pexpire +evalsha +script|load +script|exists +spublish +ssubscribe "
         "+sunsubscribe "
         "+info +ping +time +client|setname" +
         more;
}

}  // namespace

std::string acl_of_own_user(const Settings& settings) {
  return "ACL SETUSER " + user_of(settings) + " on >… resetkeys ~" + keys_of(settings) + " resetchannels &" +
         keys_of(settings) + " -@all +@string +@hash +@list +@set +@sortedset -@dangerous " +
         commands_for(settings);
}

std::string acl_cure(const Settings& settings) {
  const std::string set = "ACL SETUSER " + user_of(settings);
  return set + " +@string +@hash +@list +@set +@sortedset " + commands_for(settings) +
         " (in redis-cli; where it has not all keys and channels also " + set + " ~" + keys_of(settings) +
         " &" + keys_of(settings) + ")";
}

ServerInfo read_info(const std::string& text) {
  ServerInfo info;
  info.version = info_line(text, "redis_version");
  std::string_view rest = read_number(info.version, info.major);
  if (rest.starts_with('.')) read_number(rest.substr(1), info.minor);
  info.mode = info_line(text, "redis_mode");
  if (info.mode.empty()) info.mode = info_line(text, "server_mode");  // Valkey's name for it
  info.run_id = info_line(text, "run_id");
  info.replication_id = info_line(text, "master_replid");
  read_number(info_line(text, "maxmemory"), info.maxmemory);
  info.maxmemory_policy = info_line(text, "maxmemory_policy");
  info.aof_enabled = info_line(text, "aof_enabled") == "1";
  return info;
}

Task<ServerInfo> greet(Link& link, const Settings& settings) {
  co_await introduce(link, settings, "coterie");
  std::vector<Command> commands;
  commands.push_back(Command("SELECT").arg(settings.database));
  commands.push_back(Command("INFO"));
  commands.push_back(Command("SCRIPT").arg("EXISTS").arg(no_script));
  Rights rights(settings);
  rights.ask(commands);
  const std::vector<Reply> replies = co_await link.call_all(commands);
  for (const Reply& reply : replies) check_admission(settings, reply);

  const Reply& selected = replies[0];
  const Reply& info = replies[1];
  if (settings.database != 0) {
    check_permitted(settings, selected, "SELECT");
    check_select(settings, selected);
  }
  check_permitted(settings, info, "INFO");
  if (info.is_error()) refuse(settings, "INFO was refused; is it renamed there? It gave " + info.describe());
  ServerInfo server = read_info(info.string());
  check_info(settings, info.string(), server);
  check_permitted(settings, replies[2], "SCRIPT");
  rights.check(replies);
  co_return server;
}

Task<void> greet_subscriber(Link& link, const Settings& settings) {
  co_await introduce(link, settings, "coterie-listener");
  if (!settings.was_named()) co_return;
  const Reply info = co_await link.call(Command("INFO").arg("replication"));
  check_permitted(settings, info, "INFO");
  if (!info.is_error()) check_master(settings, info.string());
}

}  // namespace coterie::brokers::redis
