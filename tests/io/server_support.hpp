#pragma once
#include <cstddef>
#include <string>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/io/listen.hpp"
#include "coterie/io/server.hpp"
#include "coterie/io/tcp.hpp"
#include "coterie/io/unix.hpp"
#include "coterie/sync/event.hpp"

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

/// A handler that waits at a gate, and then answers.
struct Gate {
  Event open;
  std::size_t inside = 0;
  std::size_t cancelled = 0;
  Gate() = default;
};
inline auto through(Gate& gate) {
  return [&gate](io::Stream stream) -> Task<void> {
    ++gate.inside;
    const Outcome<void> end = co_await outcome(gate.open.wait());
    --gate.inside;
    if (end.cancelled()) ++gate.cancelled;
    end.get();
    co_await stream.write("served\n");
  };
}
inline Task<void> until_inside(const Gate& gate, std::size_t count) {
  while (gate.inside < count) co_await yield();
}

}  // namespace coterie::io_test
