#pragma once
#include <string>

#include "coterie/io/stream.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// Bytes to and from the server, by TCP, TLS or a Unix socket, as the settings say; no word is spoken yet.
/// BrokerUnavailable where nobody answers; BadBroker where nobody can ever.
[[nodiscard]] Task<io::Stream> dial(const Settings& settings);

/// What to look at where nothing answers in time.
[[nodiscard]] std::string silence_cure(const Settings& settings);

/// An error of the TLS layer in the words of who writes a URL: `?tls_ca=FILE` for `TlsOptions::ca_file`.
[[nodiscard]] std::string in_words_of_url(std::string text);

}  // namespace coterie::brokers::redis
