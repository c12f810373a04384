#include "src/brokers/broker_url.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace coterie::brokers {
namespace {

using queue::BadBroker;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_scheme(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    if (!letter && !other) return false;
  }
  return true;
}

/// A path of a file may hold `@` and `:`, and no secret.
bool may_hold_password(std::string_view scheme) {
  return scheme != "sqlite" && scheme != "memory";
}

/// `text` without the password.
std::string for_messages(std::string_view text, std::string_view scheme) {
  if (!may_hold_password(scheme)) return std::string(text);
  const std::size_t begin = text.find("://") + 3;
  // As late as possible: a password whose `/` or `?` was not escaped must not be shown either.
  const std::size_t at = text.rfind('@');
  const std::size_t colon = text.find(':', begin);
  std::string shown(text);
  if (at != std::string_view::npos && colon < at) shown.replace(colon + 1, at - colon - 1, "***");
  for (std::size_t from = 0; (from = shown.find("password=", from)) != std::string::npos;) {
    from += std::string_view("password=").size();
    shown.replace(from, std::min(shown.find('&', from), shown.size()) - from, "***");
  }
  return shown;
}

/// A socket of this machine has no TLS.
std::string with_tls(std::string_view scheme) {
  constexpr std::string_view plain = "redis";
  return scheme == "redis+unix" ? "rediss://HOST"
                                : "rediss" + std::string(scheme.substr(plain.size())) + "://";
}

}  // namespace

std::string percent_decoded(std::string_view part, std::string_view url) {
  std::string out;
  out.reserve(part.size());
  for (std::size_t i = 0; i < part.size(); ++i) {
    char c = part[i];
    if (c == '%') {
      const int high = i + 1 < part.size() ? hex_digit(part[i + 1]) : -1;
      const int low = i + 2 < part.size() ? hex_digit(part[i + 2]) : -1;
      if (high < 0 || low < 0) {
        throw BadBroker("broker URL '" + std::string(url) +
                        "': % must be followed by two hexadecimal digits; write %25 for the sign itself");
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') throw BadBroker("broker URL: it holds a NUL byte, which no name may");
    out.push_back(c);
  }
  return out;
}

void BrokerUrl::require_known(const std::vector<std::string_view>& known) const {
  for (const auto& [key, value] : query) {
    bool found = false;
    for (const std::string_view name : known) found = found || name == key;
    if (found) continue;
    if (key.starts_with("tls_") && (scheme == "redis" || scheme.starts_with("redis+")))
      throw BadBroker("broker URL '" + text + "': " + key + " is for TLS, which " + scheme +
                      ":// does not use: write " + with_tls(scheme));
    std::string names;
    for (const std::string_view name : known) names.append(names.empty() ? "" : ", ").append(name);
    throw BadBroker(
        "broker URL '" + text + "': unknown option '" + key + "'" +
        (names.empty() ? ": this broker has none but limits" : "; known here: " + names + ", and limits"));
  }
}

std::optional<std::string> BrokerUrl::option(std::string_view key) const {
  const auto found = query.find(std::string(key));
  if (found == query.end()) return std::nullopt;
  return found->second;
}

std::optional<std::int64_t> BrokerUrl::number(std::string_view key, std::int64_t least,
                                              std::int64_t most) const {
  const std::optional<std::string> value = option(key);
  if (!value) return std::nullopt;
  std::int64_t result = 0;
  const char* const end = value->data() + value->size();
  const auto [stopped, error] = std::from_chars(value->data(), end, result);
  if (error != std::errc{} || stopped != end || result < least || result > most) {
    throw BadBroker("broker URL '" + text + "': " + std::string(key) + "=" + *value +
                    " is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return result;
}

BrokerUrl parse_broker_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || !is_scheme(text.substr(0, colon))) {
    throw BadBroker("'" + std::string(text) +
                    "' is no broker URL: write sqlite://path, redis://host or memory://name");
  }
  BrokerUrl url;
  for (const char c : text.substr(0, colon)) {
    url.scheme.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  // Valkey speaks as Redis does: its schemes are other names of the same.
  constexpr std::string_view valkey = "valkey";
  if (url.scheme.starts_with(valkey)) url.scheme.replace(0, valkey.size(), "redis");
  url.text = for_messages(text, url.scheme);
  std::string_view rest = text.substr(colon + 3);
  const std::size_t mark = rest.find('?');
  url.raw_path = rest.substr(0, mark);
  url.path = percent_decoded(url.raw_path, url.text);
  rest = mark == std::string_view::npos ? std::string_view{} : rest.substr(mark + 1);
  if (may_hold_password(url.scheme) && rest.find('@') != std::string_view::npos) {
    throw BadBroker("broker URL '" + url.text +
                    "': an @ behind the ?: write %3F for ? in a password, %40 for @ in an option");
  }
  while (!rest.empty()) {
    const std::size_t cut = rest.find('&');
    const std::string_view pair = rest.substr(0, cut);
    rest = cut == std::string_view::npos ? std::string_view{} : rest.substr(cut + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      throw BadBroker("broker URL '" + url.text + "': option '" + std::string(pair) +
                      "' must read key=value");
    }
    std::string key = percent_decoded(pair.substr(0, equals), url.text);
    const bool fresh = url.query.emplace(key, percent_decoded(pair.substr(equals + 1), url.text)).second;
    if (!fresh) throw BadBroker("broker URL '" + url.text + "': option '" + key + "' is given twice");
  }
  return url;
}

void take_limits(BrokerUrl& url, queue::BrokerOptions& options) {
  queue::Limits& limits = options.limits;
  const auto take = [&url](std::string_view key, auto& field, std::int64_t most) {
    if (const auto value = url.number(key, 1, most))
      field = static_cast<std::remove_reference_t<decltype(field)>>(*value);
    url.query.erase(std::string(key));
  };
  constexpr std::int64_t body_most = std::int64_t{1}
                                     << 30;  // what SQLite and Redis can hold in one value, roughly
  take("payload_bytes", limits.payload_bytes, body_most);
  take("result_bytes", limits.result_bytes, body_most);
  take("error_bytes", limits.error_bytes, body_most);
  take("name_bytes", limits.name_bytes, 65'536);
  take("batch_jobs", limits.batch_jobs, 10'000'000);
  take("dependencies", limits.dependencies, 100'000'000);
  take("attempts", limits.attempts, std::numeric_limits<std::uint32_t>::max());
}

}  // namespace coterie::brokers
