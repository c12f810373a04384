#include "src/cli/broker_access.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "src/brokers/broker_url.hpp"
#include "src/brokers/builtin.hpp"

namespace coterie::cli {
namespace {

/// What is in memory is gone when the command ends, and no other process sees it.
brokers::BrokerUrl shared_url(const std::string& url, const std::string& flag) {
  brokers::BrokerUrl parsed = brokers::parse_broker_url(url);
  if (parsed.scheme == "memory") {
    throw UsageError(flag + " '" + without_passwords(url) +
                     "': memory:// lives inside one process and ends with this command; use sqlite://PATH or "
                     "redis://HOST");
  }
  return parsed;
}

}  // namespace

std::string broker_file(const std::string& url) {
  const brokers::BrokerUrl parsed = brokers::parse_broker_url(url);
  return parsed.scheme == "sqlite" ? parsed.path : std::string();
}

bool has_queue(const std::string& url) {
  const brokers::BrokerUrl parsed = brokers::parse_broker_url(url);
  if (parsed.scheme == "memory") return false;
  std::error_code error;
  if (parsed.scheme != "sqlite" || parsed.path.empty()) return true;
  // A directory, a device: what it is, the broker says.
  if (std::filesystem::exists(parsed.path, error) && !std::filesystem::is_regular_file(parsed.path, error))
    return true;
  const std::uintmax_t size = std::filesystem::file_size(parsed.path, error);
  return !error && size > 0;
}

std::shared_ptr<queue::Broker> open_shared(const std::string& url, const std::string& flag) {
  static_cast<void>(shared_url(url, flag));
  return queue::open_broker(url);
}

std::shared_ptr<queue::Broker> open_existing(const std::string& url, const std::string& flag) {
  const brokers::BrokerUrl parsed = shared_url(url, flag);
  if (!has_queue(url)) {
    std::error_code error;
    static_cast<void>(std::filesystem::exists(parsed.path, error));
    throw queue::BadBroker("no queue at '" + parsed.path + "'" + (error ? " (" + error.message() + ")" : "") +
                           ": name another with " + flag + (flag == "--broker" ? " or COTERIE_BROKER" : "") +
                           ", or make it with `coterie enqueue`");
  }
  return queue::open_broker(url);
}

std::uint32_t at_most(const queue::Broker& broker, std::uint64_t wanted) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>({wanted, broker.limits().batch_jobs, std::uint64_t{UINT32_MAX}}));
}

std::vector<std::vector<queue::JobId>> in_parts(const queue::Broker& broker,
                                                const std::vector<queue::JobId>& ids) {
  const std::size_t most = std::max<std::size_t>(1, broker.limits().batch_jobs);
  std::vector<std::vector<queue::JobId>> parts;
  for (std::size_t first = 0; first < ids.size(); first += most) {
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(first);
    parts.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(std::min(most, ids.size() - first)));
  }
  return parts;
}

std::string with_namespace(const std::string& url, const std::string& name) {
  if (url.empty()) throw UsageError("--namespace '" + name + "' is of a broker: name it with --broker");
  const brokers::BrokerUrl parsed = brokers::parse_broker_url(url);
  if (!brokers::is_redis(parsed))
    throw UsageError("--namespace '" + name + "': only a Redis is shared by namespaces; '" + parsed.text +
                     "' has none" + (parsed.scheme == "sqlite" ? ", name another file" : ""));
  if (const auto given = parsed.option("namespace")) {
    if (*given == name) return url;
    throw UsageError("--namespace '" + name + "', and the broker's URL has ?namespace=" + *given +
                     ": leave one of them out");
  }
  std::string escaped;  // what no namespace may hold, the broker refuses; here it must not be another option
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '_' || c == '.' || c == '-')
      escaped += c;
    else
      escaped.append("%").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return url + (url.find('?') == std::string::npos ? '?' : '&') + "namespace=" + escaped;
}

std::string without_passwords(std::string url) {
  constexpr std::string_view hidden = "***";
  const std::size_t host = url.find("://");
  if (host != std::string::npos) {
    const std::size_t end = std::min(url.find_first_of("/?", host + 3), url.size());
    const std::size_t at = url.rfind('@', end);
    const std::size_t colon = url.find(':', host + 3);
    if (at != std::string::npos && at < end && colon < at) url.replace(colon + 1, at - colon - 1, hidden);
  }
  constexpr std::string_view key = "password=";
  for (std::size_t from = url.find(key); from != std::string::npos; from = url.find(key, from)) {
    from += key.size();
    url.replace(from, std::min(url.find('&', from), url.size()) - from, hidden);
  }
  return url;
}

}  // namespace coterie::cli
