#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "coterie/task.hpp"

namespace coterie::io {

/// The address of one end of a connection: IPv4, IPv6 or a Unix socket. A value.
class Endpoint {
 public:
  Endpoint() = default;
  /// Copies `bytes` of an address; std::invalid_argument for more than a sockaddr_storage.
  Endpoint(const sockaddr* address, socklen_t bytes);
  /// A Unix socket; std::invalid_argument when the path is empty or longer than the kernel takes (107 bytes).
  [[nodiscard]] static Endpoint unix_path(const std::string& path);

  [[nodiscard]] const sockaddr* address() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  [[nodiscard]] socklen_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
  /// 0 where the family has none.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// "127.0.0.1:80", "[::1]:80", the path of a Unix socket.
  [[nodiscard]] std::string str() const;

 private:
  sockaddr_storage storage_{};
  socklen_t bytes_ = 0;
};

/// The addresses of a host for streams, in the order in which to try them (RFC 8305: families alternate, the
/// system's first choice first). Names are asked for on the shared thread pool, addresses are not asked for
/// at all. std::system_error, which names the host, when there is none; a cancel leaves the system's call to
/// end by itself.
[[nodiscard]] Task<std::vector<Endpoint>> resolve(std::string host, std::uint16_t port);

}  // namespace coterie::io
