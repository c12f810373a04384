#pragma once
#include <string>

#include "coterie/coterie.hpp"
#include "coterie/http/server.hpp"
#include "coterie/io/tcp.hpp"

namespace coterie::http_test {

/// A server on loopback, as a task.
class Running {
 public:
  Running(JoinHandle<void> serving, std::uint16_t at) : port(at), serving_(std::move(serving)) {}
  Task<void> stop() {
    serving_.cancel();
    const Outcome<void> end = co_await outcome(serving_.wait());
    (void)end;
  }
  std::uint16_t port;

 private:
  JoinHandle<void> serving_;
};

inline Task<Running> start(http::Handler handler, http::ServerOptions options = {}) {
  Task<io::Listener> opening = io::listen_tcp("127.0.0.1", 0);
  io::Listener listener = co_await std::move(opening);
  const std::uint16_t port = listener.port();
  JoinHandle<void> serving = spawn(http::serve, std::move(listener), std::move(handler), std::move(options));
  co_return Running(std::move(serving), port);
}

/// Sends `text` as it is, and gives all that comes until the server closes.
inline Task<std::string> say(std::uint16_t port, std::string text) {
  Task<io::Stream> connecting = io::connect_tcp("127.0.0.1", port);
  io::Stream stream = co_await std::move(connecting);
  Task<void> writing = stream.write(text);
  (void)co_await outcome(std::move(writing));  // a refused request need not be read to its end
  Task<std::string> reading = stream.read_to_end();
  co_return co_await std::move(reading);
}

inline std::string get(const std::string& path, const std::string& more = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + more + "\r\n";
}

}  // namespace coterie::http_test
