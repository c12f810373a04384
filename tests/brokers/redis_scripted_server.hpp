#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace broker_suite {

/// A TCP server that says the same to everybody who connects: the first words at once, the next when
/// something was asked, whatever it was. Then it hangs up, or stays until they go.
class ScriptedServer {
 public:
  enum class Then : bool { hangs_up, stays };
  explicit ScriptedServer(std::vector<std::string> words, Then then = Then::hangs_up)
      : words_(std::move(words)), then_(then), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    if (::bind(listener_, address, bytes) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, address, &bytes) != 0)
      throw std::system_error(errno, std::generic_category(), "the scripted server");
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    (void)::shutdown(listener_, SHUT_RDWR);  // ends accept()
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::string url(const std::string& scheme = "redis") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }

 private:
  void serve() const {
    for (;;) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      bool there = true;
      for (std::size_t i = 0; i < words_.size() && there; ++i) {
        if (i > 0) there = hear(client);
        (void)::send(client, words_[i].data(), words_[i].size(), MSG_NOSIGNAL);
      }
      while (then_ == Then::stays && there) there = hear(client);
      ::close(client);
    }
  }
  static bool hear(int client) {
    char ignored[4096];
    return ::recv(client, ignored, sizeof ignored, 0) > 0;
  }
  std::vector<std::string> words_;
  Then then_;
  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace broker_suite
