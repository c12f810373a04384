#pragma once
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "coterie/http/message.hpp"
#include "coterie/io/tls.hpp"
#include "coterie/sleep.hpp"

namespace coterie::http {

/// "https://collector.example:4318/v1/traces", taken apart.
struct Url {
  bool tls = false;
  std::string host;          ///< a name or an address; an IPv6 one without its brackets
  std::uint16_t port = 80;   ///< 443 of https
  std::string target = "/";  ///< path and query, as they are sent

  Url() = default;
  /// http or https, without user, password or fragment. std::invalid_argument: what is wrong with it.
  [[nodiscard]] static Url parse(std::string_view text);
  [[nodiscard]] std::string str() const;
  /// "collector.example:4318"; without the port where it is the scheme's.
  [[nodiscard]] std::string authority() const;
};

struct ClientOptions {
  /// For everything together, from the name's address to the last byte.
  Duration timeout = std::chrono::seconds(10);
  std::uint32_t header_bytes = std::uint32_t{16} << 10;  ///< of the response
  std::uint64_t body_bytes = std::uint64_t{1} << 20;     ///< of the response
  std::optional<io::TlsContext> tls;                     ///< nothing: the system's CAs
  ClientOptions() = default;
};

/// The other end did not answer with HTTP, or with more of it than ClientOptions allow.
class BadResponse : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One request on a connection of its own, and its response, whatever its status. TimeoutError,
/// std::system_error where nobody answers, BadResponse. A cancel closes the connection.
///
/// Not here: redirects, cookies, proxies, connections that are used again.
[[nodiscard]] Task<Response> request(std::string method, Url url, Headers headers, std::string body,
                                     ClientOptions options = {});

}  // namespace coterie::http
