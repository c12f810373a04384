#include "src/debug/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace coterie::debug {
namespace {

struct Address {
  sockaddr_storage its{};
  socklen_t size = sizeof(sockaddr_storage);
};

template <class Wanted>
Wanted as(const Address& address) noexcept {
  Wanted copy{};
  std::memcpy(&copy, &address.its, sizeof copy);
  return copy;
}

std::string text_of(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.its.ss_family == AF_INET) {
    const auto in = as<sockaddr_in>(address);
    ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(in.sin_port));
  }
  if (address.its.ss_family == AF_INET6) {
    const auto in = as<sockaddr_in6>(address);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(in.sin6_port));
  }
  if (address.its.ss_family != AF_UNIX || address.size <= offsetof(sockaddr_un, sun_path)) return {};
  const auto path = as<sockaddr_un>(address);
  const std::size_t size = std::min<std::size_t>(address.size - offsetof(sockaddr_un, sun_path), 108);
  const std::string_view all(path.sun_path, size);
  if (all.front() == '\0') return "@" + std::string(all.substr(1));  // of the abstract namespace
  return std::string(all.substr(0, all.find('\0')));
}

std::string socket_text(int fd, const Address& own) {
  int type = 0;
  socklen_t size = sizeof type;
  ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
  const bool unix_domain = own.its.ss_family == AF_UNIX;
  std::string text = unix_domain ? "unix" : type == SOCK_DGRAM ? "udp" : "tcp";
  const std::string here = text_of(own);
  if (!here.empty()) text += " " + here;
  int listens = 0;
  size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0)
    return text + ", listening";
  Address peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer.its), &peer.size) != 0) return text;
  const std::string there = text_of(peer);
  return there.empty() ? text : text + " -> " + there;
}

}  // namespace

std::string endpoint_of(int fd) {
  Address own;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own.its), &own.size) == 0) return socket_text(fd, own);
  std::array<char, 64> target{};
  const ssize_t size =
      ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target.data(), target.size());
  if (size <= 0) return {};
  // "pipe:[1234]", "anon_inode:[eventfd]", "/dev/pts/0"
  const std::string_view text(target.data(), static_cast<std::size_t>(size));
  if (text.starts_with("anon_inode:")) return std::string(text.substr(text.find(':') + 1));
  return std::string(text.substr(0, text.starts_with('/') ? text.size() : text.find(':')));
}

}  // namespace coterie::debug
