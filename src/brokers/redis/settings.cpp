#include "src/brokers/redis/settings.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "src/brokers/redis/routing.hpp"

namespace coterie::brokers::redis {
namespace {

using queue::BadBroker;

constexpr std::size_t socket_path_most = 107;  // the kernel's sun_path
constexpr std::int32_t database_most = 65'535;
constexpr std::uint32_t replicas_most = 100;
constexpr std::int64_t wait_most_ms = std::int64_t{24} * 3600 * 1000;

[[noreturn]] void refuse(const BrokerUrl& url, std::string_view why) {
  throw BadBroker("broker URL '" + url.text + "': " + std::string(why));
}

std::string decoded(const BrokerUrl& url, std::string_view part, std::string_view what) {
  std::string text = percent_decoded(part, url.text);
  const bool control = std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  if (control)
    refuse(url, "the " + std::string(what) + " holds a control character: is a line break left over?");
  return text;
}

template <class Number>
std::optional<Number> number(std::string_view text, Number least, Number most) {
  Number value{};
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stopped != text.data() + text.size() || value < least || value > most)
    return std::nullopt;
  return value;
}

std::int32_t database(const BrokerUrl& url, std::string_view text) {
  const auto value = number<std::int32_t>(text, 0, database_most);
  if (!value)
    refuse(url, "'" + std::string(text.substr(0, 40)) +
                    "' is no database: it is a whole number from 0, as in redis://host/0");
  return *value;
}

std::uint16_t port_of(const BrokerUrl& url, std::string_view text) {
  const auto port = read_port(text);
  if (!port)
    refuse(url, "'" + std::string(text.substr(0, 40)) + "' is no port: it is a number from 1 to 65535");
  return *port;
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
Address address_of(const BrokerUrl& url, std::string_view text, std::uint16_t usual_port) {
  std::string_view host = text;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) refuse(url, "the address's '[' has no ']': redis://[::1]:6379");
    host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':')
      refuse(url, "after ']' only :port may stand: redis://[::1]:6379");
  } else {
    const std::size_t colon = text.find(':');
    if (colon != text.rfind(':')) refuse(url, "an IPv6 address stands in brackets: redis://[::1]:6379");
    host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  Address address(decoded(url, host, "host"), usual_port);
  if (address.host.empty())
    refuse(url, "it names no host: " + url.scheme + "://localhost:" + std::to_string(usual_port));
  if (!rest.empty()) address.port = port_of(url, rest.substr(1));
  return address;
}

/// A user without a password is one whom the server lets in so (`nopass`).
void read_user(const BrokerUrl& url, std::string_view text, Settings& settings) {
  const std::size_t colon = text.find(':');
  settings.user = decoded(url, text.substr(0, colon), "user");
  if (colon != std::string_view::npos) settings.password = decoded(url, text.substr(colon + 1), "password");
}

/// `host:port,host:port,…`; `of_what`: "sentinels".
std::vector<Address> read_hosts(const BrokerUrl& url, std::string_view hosts, std::uint16_t usual_port,
                                std::string_view of_what) {
  std::vector<Address> addresses;
  for (;;) {
    const std::size_t comma = hosts.find(',');
    const Address address = address_of(url, hosts.substr(0, comma), usual_port);
    if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(address);
    if (comma == std::string_view::npos) break;
    hosts.remove_prefix(comma + 1);
  }
  if (addresses.size() > asked_most)
    refuse(url, "it names more than " + std::to_string(asked_most) + " " + std::string(of_what) +
                    ": three or five are enough, they tell of the others");
  return addresses;
}

/// `host:port,host:port,…`, then `master-name[/db]`.
void read_sentinels(const BrokerUrl& url, std::string_view hosts, std::string_view rest, Settings& settings) {
  settings.sentinels = read_hosts(url, hosts, 26'379, "sentinels");
  const std::size_t slash = rest.find('/');
  settings.master_name = decoded(url, rest.substr(0, slash), "master's name");
  if (settings.master_name.empty() || settings.master_name.find(' ') != std::string::npos)
    refuse(url, "it names no master, as the sentinels call it: " + url.scheme +
                    "://host:26379,host:26379/mymaster");
  if (slash != std::string_view::npos && slash + 1 < rest.size())
    settings.database = database(url, rest.substr(slash + 1));
}

void read_cluster(const BrokerUrl& url, std::string_view hosts, std::string_view rest, Settings& settings) {
  settings.cluster = read_hosts(url, hosts, settings.port, "nodes");
  if (!rest.empty() && rest != "0")
    refuse(url, "a cluster has only database 0: leave /" + std::string(rest.substr(0, 40)) +
                    " out, and keep applications apart by ?namespace=NAME");
}

/// `[user[:password]@]host[:port][/db]`; under Sentinel several hosts, and the master's name before the
/// database; of a cluster several hosts.
void read_server(const BrokerUrl& url, Settings& settings) {
  const std::string_view all = url.raw_path;
  const std::size_t at = all.rfind('@');
  const std::string_view place = at == std::string_view::npos ? all : all.substr(at + 1);
  const std::size_t slash = place.find('/');
  const std::string_view host = place.substr(0, slash);
  if (host.empty() && at != std::string_view::npos)
    refuse(url, "a user or password, but no host: redis://:password@localhost:6379");
  if (at != std::string_view::npos) {
    const std::string_view user = all.substr(0, at);
    if (user.find_first_of("/@") != std::string_view::npos)
      refuse(url, "in a user or password write %2F for / and %40 for @");
    read_user(url, user, settings);
  }
  const std::string_view rest = slash == std::string_view::npos ? "" : place.substr(slash + 1);
  if (url.scheme.ends_with("+sentinel")) {
    read_sentinels(url, host, rest, settings);
    return;
  }
  if (url.scheme.ends_with("+cluster")) {
    read_cluster(url, host, rest, settings);
    return;
  }
  Address address = address_of(url, host, settings.port);
  settings.host = std::move(address.host);
  settings.port = address.port;
  if (!rest.empty()) settings.database = database(url, rest);
}

void read_socket(const BrokerUrl& url, Settings& settings) {
  settings.socket_path = decoded(url, url.raw_path, "path");
  if (!settings.socket_path.starts_with('/'))
    refuse(url, "a Unix socket needs its whole path: redis+unix:///run/redis/redis-server.sock");
  if (settings.socket_path.size() > socket_path_most)
    refuse(url, "the path of a Unix socket has at most " + std::to_string(socket_path_most) +
                    " bytes: put the socket nearer to the root, or a link to its folder");
  if (const auto db = url.option("db")) settings.database = database(url, *db);
  settings.user = url.option("user").value_or("");
  settings.password = url.option("password").value_or("");
}

void read_namespace(const BrokerUrl& url, Settings& settings) {
  const auto given = url.option("namespace");
  if (!given) return;
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  if (given->empty() || given->size() > 64 || given->find_first_not_of(allowed) != std::string::npos)
    refuse(url, "a namespace is 1 to 64 letters, digits, '_', '.' or '-': namespace=coterie");
  settings.key_namespace = *given;
}

bool is_yes(const BrokerUrl& url, std::string_view key) {
  const auto value = url.option(key);
  if (!value || *value == "no") return false;
  if (*value != "yes") refuse(url, std::string(key) + "=" + *value + " is neither yes nor no");
  return true;
}

void read_tls(const BrokerUrl& url, Settings& settings) {
  settings.tls_ca = url.option("tls_ca").value_or("");
  settings.tls_certificate = url.option("tls_cert").value_or("");
  settings.tls_key = url.option("tls_key").value_or("");
  settings.tls_name = url.option("tls_name").value_or("");
  settings.tls_insecure = is_yes(url, "tls_insecure");
}

Durable durable(const BrokerUrl& url, const std::string& key, const std::string& text) {
  constexpr std::string_view replicas = "replicas:";
  Durable durable;
  if (text == "memory") return durable;
  if (text == "fsync") {
    durable.level = Durable::Level::fsync;
    return durable;
  }
  const auto count =
      text.starts_with(replicas)
          ? number<std::uint32_t>(std::string_view(text).substr(replicas.size()), 1, replicas_most)
          : std::nullopt;
  if (!count)
    refuse(url, key + "=" + text.substr(0, 40) + " is not memory, fsync or replicas:N with N from 1 to " +
                    std::to_string(replicas_most));
  durable.level = Durable::Level::replicas;
  durable.replicas = *count;
  return durable;
}

void read_durable(const BrokerUrl& url, Settings& settings) {
  if (const auto text = url.option("durable"))
    settings.durable_enqueues = settings.durable_acks = durable(url, "durable", *text);
  if (const auto text = url.option("durable_acks"))
    settings.durable_acks = durable(url, "durable_acks", *text);
  if (const auto ms = url.number("durable_timeout_ms", 1, wait_most_ms))
    settings.durable_timeout = std::chrono::milliseconds(*ms);
  const bool waits = settings.durable_enqueues != Durable() || settings.durable_acks != Durable();
  if (waits && settings.durable_timeout >= settings.command_timeout)
    refuse(url,
           "durable_timeout_ms (5000 where it is not given) must be below command_timeout_ms, at which the "
           "connection counts as dead");
}

}  // namespace

Settings settings_of(const BrokerUrl& url) {
  Settings settings;
  std::vector<std::string_view> known{"namespace",   "shards",  "connect_timeout_ms", "command_timeout_ms",
                                      "accept_loss", "durable", "durable_acks",       "durable_timeout_ms"};
  const auto more = [&known](std::initializer_list<std::string_view> options) {
    known.insert(known.end(), options.begin(), options.end());
  };
  settings.tls = url.scheme.starts_with("rediss");
  if (url.scheme == "redis+unix") more({"db", "user", "password"});
  if (settings.tls) more({"tls_ca", "tls_cert", "tls_key", "tls_name", "tls_insecure"});
  if (url.scheme.ends_with("+sentinel")) more({"sentinel_user", "sentinel_password"});
  url.require_known(known);
  if (url.scheme == "redis+unix")
    read_socket(url, settings);
  else
    read_server(url, settings);
  if (settings.tls) read_tls(url, settings);
  settings.sentinel_user = url.option("sentinel_user").value_or("");
  settings.sentinel_password = url.option("sentinel_password").value_or("");
  settings.accept_loss = is_yes(url, "accept_loss");
  read_namespace(url, settings);
  if (const auto shards = url.number("shards", 1, shards_most))
    settings.shards = static_cast<std::uint32_t>(*shards);
  if (const auto ms = url.number("connect_timeout_ms", 1, wait_most_ms))
    settings.connect_timeout = std::chrono::milliseconds(*ms);
  if (const auto ms = url.number("command_timeout_ms", 1, wait_most_ms))
    settings.command_timeout = std::chrono::milliseconds(*ms);
  read_durable(url, settings);
  return settings;
}

std::string Settings::url() const {
  if (is_sentinel) return "the sentinel " + address().text();
  if (!socket_path.empty())
    return "redis+unix://" + socket_path + (database != 0 ? "?db=" + std::to_string(database) : "");
  std::string text = tls ? "rediss" : "redis";
  text += by_sentinel() ? "+sentinel://" : by_cluster() ? "+cluster://" : "://";
  if (authenticates()) text += user + (password.empty() ? "@" : ":***@");
  if (was_named()) {
    for (const Address& one : by_sentinel() ? sentinels : cluster) text += one.text() + ",";
    text.pop_back();
  } else {
    text += address().text();
  }
  if (by_sentinel()) text += "/" + master_name;
  if (database != 0) text += "/" + std::to_string(database);
  if (was_named() && !host.empty())
    text += (by_sentinel() ? " (master " : " (node ") + address().text() + ")";
  return text;
}

}  // namespace coterie::brokers::redis
