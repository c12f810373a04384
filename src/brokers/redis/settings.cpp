#include "src/brokers/redis/settings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace coterie::brokers::redis {
namespace {

using queue::BadBroker;

constexpr std::size_t socket_path_most = 107;  // the kernel's sun_path
constexpr std::int32_t database_most = 65'535;
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

void read_port(const BrokerUrl& url, std::string_view text, Settings& settings) {
  const auto port = number<std::uint16_t>(text, 1, 65'535);
  if (!port)
    refuse(url, "'" + std::string(text.substr(0, 40)) + "' is no port: it is a number from 1 to 65535");
  settings.port = *port;
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
void read_host(const BrokerUrl& url, std::string_view text, Settings& settings) {
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
  settings.host = decoded(url, host, "host");
  if (settings.host.empty()) refuse(url, "it names no host: redis://localhost:6379");
  if (!rest.empty()) read_port(url, rest.substr(1), settings);
}

/// A user without a password is one whom the server lets in so (`nopass`).
void read_user(const BrokerUrl& url, std::string_view text, Settings& settings) {
  const std::size_t colon = text.find(':');
  settings.user = decoded(url, text.substr(0, colon), "user");
  if (colon != std::string_view::npos) settings.password = decoded(url, text.substr(colon + 1), "password");
}

/// `[user[:password]@]host[:port][/db]`
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
  read_host(url, host, settings);
  if (slash != std::string_view::npos && slash + 1 < place.size())
    settings.database = database(url, place.substr(slash + 1));
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

}  // namespace

Settings settings_of(const BrokerUrl& url) {
  Settings settings;
  if (url.scheme == "redis+unix") {
    url.require_known(
        {"namespace", "db", "user", "password", "connect_timeout_ms", "command_timeout_ms", "accept_loss"});
    read_socket(url, settings);
  } else if (url.scheme == "rediss") {
    url.require_known({"namespace", "connect_timeout_ms", "command_timeout_ms", "accept_loss", "tls_ca",
                       "tls_cert", "tls_key", "tls_name", "tls_insecure"});
    settings.tls = true;
    read_server(url, settings);
    settings.tls_ca = url.option("tls_ca").value_or("");
    settings.tls_certificate = url.option("tls_cert").value_or("");
    settings.tls_key = url.option("tls_key").value_or("");
    settings.tls_name = url.option("tls_name").value_or("");
    settings.tls_insecure = is_yes(url, "tls_insecure");
  } else {
    url.require_known({"namespace", "connect_timeout_ms", "command_timeout_ms", "accept_loss"});
    read_server(url, settings);
  }
  settings.accept_loss = is_yes(url, "accept_loss");
  read_namespace(url, settings);
  if (const auto ms = url.number("connect_timeout_ms", 1, wait_most_ms))
    settings.connect_timeout = std::chrono::milliseconds(*ms);
  if (const auto ms = url.number("command_timeout_ms", 1, wait_most_ms))
    settings.command_timeout = std::chrono::milliseconds(*ms);
  return settings;
}

std::string Settings::url() const {
  if (!socket_path.empty())
    return "redis+unix://" + socket_path + (database != 0 ? "?db=" + std::to_string(database) : "");
  std::string text = tls ? "rediss://" : "redis://";
  if (!user.empty() || !password.empty()) text += user + (password.empty() ? "@" : ":***@");
  const bool v6 = host.find(':') != std::string::npos;
  text += v6 ? "[" + host + "]" : host;
  text += ":" + std::to_string(port);
  if (database != 0) text += "/" + std::to_string(database);
  return text;
}

}  // namespace coterie::brokers::redis
