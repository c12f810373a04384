#include "coterie/io/dns.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "coterie/threads/to_thread.hpp"

namespace coterie::io {
namespace {

class AddressErrors final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "getaddrinfo"; }
  [[nodiscard]] std::string message(int code) const override { return ::gai_strerror(code); }
};

[[noreturn]] void throw_unresolved(const std::string& host, int code, int error) {
  static const AddressErrors errors;
  const std::string what = "cannot find the address of '" + host + "'";
  if (code == EAI_SYSTEM) throw std::system_error(error, std::generic_category(), what);
  throw std::system_error(code, errors, what);
}

std::vector<Endpoint> ask(const std::string& host, std::uint16_t port, int flags, int& code, int& error) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* first = nullptr;
  code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &first);
  error = errno;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(first, &::freeaddrinfo);
  std::vector<Endpoint> found;
  for (const addrinfo* at = first; code == 0 && at != nullptr; at = at->ai_next)
    found.emplace_back(at->ai_addr, at->ai_addrlen);
  return found;
}

/// Families alternate; the first one's order, and each family's own, stays.
std::vector<Endpoint> alternate(const std::vector<Endpoint>& found) {
  std::vector<Endpoint> same;
  std::vector<Endpoint> other;
  for (const Endpoint& at : found) (at.family() == found.front().family() ? same : other).push_back(at);
  std::vector<Endpoint> result;
  result.reserve(found.size());
  for (std::size_t i = 0; i < std::max(same.size(), other.size()); ++i) {
    if (i < same.size()) result.push_back(same[i]);
    if (i < other.size()) result.push_back(other[i]);
  }
  return result;
}

std::vector<Endpoint> ask_system(const std::string& host, std::uint16_t port) {
  int code = 0;
  int error = 0;
  std::vector<Endpoint> found = ask(host, port, AI_ADDRCONFIG, code, error);
  if (code != 0) throw_unresolved(host, code, error);
  return alternate(found);
}

}  // namespace

Endpoint::Endpoint(const sockaddr* address, socklen_t bytes) : bytes_(bytes) {
  if (bytes > sizeof storage_) throw std::invalid_argument("an address is at most a sockaddr_storage");
  std::memcpy(&storage_, address, bytes);
}

Endpoint Endpoint::unix_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos)
    throw std::invalid_argument("'" + path + "' is no path of a socket: 1 to " +
                                std::to_string(sizeof address.sun_path - 1) + " bytes, no NUL");
  std::memcpy(address.sun_path, path.data(), path.size());
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

std::uint16_t Endpoint::port() const noexcept {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

std::string Endpoint::str() const {
  if (family() == AF_UNIX) return reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
  char text[NI_MAXHOST];
  if (::getnameinfo(address(), bytes_, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  const std::string number = std::to_string(port());
  return family() == AF_INET6 ? "[" + std::string(text) + "]:" + number : std::string(text) + ":" + number;
}

Task<std::vector<Endpoint>> resolve(std::string host, std::uint16_t port) {
  if (host.empty() || host.find('\0') != std::string::npos)
    throw std::invalid_argument("cannot find the address of a host without a name");
  int code = 0;
  int error = 0;
  std::vector<Endpoint> literal = ask(host, port, AI_NUMERICHOST, code, error);
  if (code == 0) co_return literal;
  co_return co_await to_thread(ask_system, std::move(host), port);
}

}  // namespace coterie::io
