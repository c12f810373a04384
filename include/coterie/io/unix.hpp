#pragma once
#include <string>

#include "coterie/io/tcp.hpp"

namespace coterie::io {

/// Connects to a Unix socket. TimeoutError; std::system_error, which names the path. std::invalid_argument
/// when that is none.
[[nodiscard]] Task<Stream> connect_unix(std::string path, ConnectOptions options = {});

}  // namespace coterie::io
