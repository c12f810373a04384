#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

namespace broker_suite {

/// A TCP socket that listens on the loopback, for servers that tests make up.
class LoopbackListener {
 public:
  /// `whose`: for the error, should there be no port.
  explicit LoopbackListener(const char* whose) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    if (::bind(listener_, address, bytes) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, address, &bytes) != 0)
      throw std::system_error(errno, std::generic_category(), whose);
    port_ = ntohs(at.sin_port);
  }
  LoopbackListener(const LoopbackListener&) = delete;
  LoopbackListener& operator=(const LoopbackListener&) = delete;
  ~LoopbackListener() { ::close(listener_); }

  /// The next who connects; -1 after stop().
  [[nodiscard]] int accept() const { return ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC); }
  /// Ends an accept() that waits on another thread.
  void stop() const { (void)::shutdown(listener_, SHUT_RDWR); }
  [[nodiscard]] std::string place() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int listener_;
  std::uint16_t port_ = 0;
};

}  // namespace broker_suite
