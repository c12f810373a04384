#pragma once
#include <string>
#include <utility>

#include "coterie/io/listen.hpp"
#include "coterie/io/server.hpp"
#include "coterie/io/tcp.hpp"
#include "coterie/io/unix.hpp"

namespace coterie::io_test {

/// Sends each line back, to the end.
inline Task<void> echo(io::Stream stream) {
  for (;;) {
    const std::string line = co_await stream.read_line();
    if (line.empty()) co_return;
    co_await stream.write(line);
  }
}

/// Listens at a free port of 127.0.0.1.
inline Task<io::Listener> listening(io::ListenOptions options = {}) {
  return io::listen_tcp("127.0.0.1", 0, options);
}
inline Task<io::Stream> connect_to(const io::Server& server) {
  return io::connect_tcp("127.0.0.1", server.listener().port());
}

/// What comes back for a line.
inline Task<std::string> ask(const io::Stream& stream, std::string line) {
  co_await stream.write(line);
  co_return co_await stream.read_line();
}

}  // namespace coterie::io_test
