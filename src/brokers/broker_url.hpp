#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::brokers {

/// `scheme://path?key=value&key=value`, taken apart. `%41` stands for a byte in the path, in keys and in
/// values; a `?` or `%` that belongs to a file's name is written `%3F`, `%25`.
struct BrokerUrl {
  std::string scheme;  ///< lower case
  std::string path;    ///< all between `://` and `?`, decoded; may be empty
  std::map<std::string, std::string> query;
  std::string raw_path;  ///< the same, not decoded: for who looks for separators in it
  /// As it was given, for messages; but `***` for a password, `scheme://user:password@…`.
  std::string text;

  /// Throws BadBroker where an option is not one of `known`: a misspelled option must not be ignored.
  void require_known(const std::vector<std::string_view>& known) const;

  /// The option's value, or nothing where it is not given.
  [[nodiscard]] std::optional<std::string> option(std::string_view key) const;
  /// The option as a whole number in [least, most]; throws BadBroker where it is anything else.
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view key, std::int64_t least,
                                                   std::int64_t most) const;
};

/// Throws BadBroker where `text` is no such URL, names an option twice, or holds a bad escape or a NUL.
[[nodiscard]] BrokerUrl parse_broker_url(std::string_view text);

/// A part of a URL with its `%41` decoded. BadBroker, which names `url`, where an escape is bad or gives a
/// NUL.
[[nodiscard]] std::string percent_decoded(std::string_view part, std::string_view url);

/// Moves the options that set limits (`payload_bytes`, `result_bytes`, `batch_jobs`…) out of `url.query` into
/// `options.limits`. `open_broker` does so before it hands the URL to a broker.
void take_limits(BrokerUrl& url, queue::BrokerOptions& options);

}  // namespace coterie::brokers
