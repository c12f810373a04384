#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "coterie/io/stream.hpp"
#include "coterie/sleep.hpp"
#include "coterie/task.hpp"

namespace coterie::io {

struct ConnectOptions {
  /// For everything together, the name's address too; Duration::max(): as long as the system takes.
  Duration timeout = std::chrono::seconds(30);
  /// Before the next address is tried beside one that has not answered (RFC 8305).
  Duration attempt_delay = std::chrono::milliseconds(250);
  /// TCP_NODELAY: small writes are sent at once.
  bool no_delay = true;
  StreamOptions stream;
  ConnectOptions() = default;
};

/// Connects to a host by name or address, to whichever of its addresses answers first ("happy eyeballs").
/// TimeoutError; std::system_error, which names each address and why not. A cancel closes what was begun.
[[nodiscard]] Task<Stream> connect_tcp(std::string host, std::uint16_t port, ConnectOptions options = {});

}  // namespace coterie::io
