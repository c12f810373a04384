#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coterie::brokers::redis {

/// A TCP address.
struct Address {
  std::string host;  ///< a name or an address, without brackets
  std::uint16_t port = 0;

  Address() = default;
  Address(std::string at_host, std::uint16_t at_port) : host(std::move(at_host)), port(at_port) {}
  /// `host:port`, `[v6]:port`.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Address&, const Address&) = default;
};

/// A port as digits, 1 to 65535; nothing where it is none.
[[nodiscard]] std::optional<std::uint16_t> read_port(std::string_view digits);
/// What a server gave as the name or address of another: printable, at most 255 bytes.
[[nodiscard]] bool is_host(std::string_view text);

}  // namespace coterie::brokers::redis
