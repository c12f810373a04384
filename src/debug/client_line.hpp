#pragma once
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "src/debug/request.hpp"

namespace coterie::debug {

/// One client of the debug socket, which may be slow, silent or gone: it gets a second for its request and
/// five to take the answer. Owns the descriptor, which does not block.
class ClientLine {
 public:
  ClientLine(int fd, int stop) noexcept : fd_(fd), stop_(stop) {}
  ClientLine(const ClientLine&) = delete;
  ClientLine& operator=(const ClientLine&) = delete;
  ~ClientLine() { ::close(fd_); }

  /// Nothing: there came none in time.
  [[nodiscard]] std::optional<std::string> read_line() const {
    const auto deadline = Clock::now() + std::chrono::seconds(1);
    std::string line;
    while (line.size() <= longest_request && ready(POLLIN, deadline)) {
      char piece[512];
      const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
      if (got <= 0) return std::nullopt;
      line.append(piece, static_cast<std::size_t>(got));
      if (const auto end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
    }
    if (line.size() > longest_request) refuse("a request has at most 4096 bytes");
    return std::nullopt;
  }

  void answer(std::string_view body) const {
    send("ok " + std::to_string(body.size()) + "\n");
    send(body);
  }
  void refuse(std::string_view why) const { send("error " + std::string(why) + "\n"); }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool ready(short events, Clock::time_point deadline) const {
    pollfd fds[2] = {{fd_, events, 0}, {stop_, POLLIN, 0}};
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) return false;
      if (::poll(fds, 2, static_cast<int>(left.count())) > 0) return fds[1].revents == 0;
    }
  }

  void send(std::string_view text) const {
    const auto deadline = Clock::now() + std::chrono::seconds(5);
    while (!text.empty() && ready(POLLOUT, deadline)) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  int fd_;
  int stop_;
};

}  // namespace coterie::debug
