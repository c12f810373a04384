#pragma once
#include <string>

namespace coterie::debug {

/// What a descriptor of this process is, for people: "tcp 10.0.0.1:40112 -> 10.0.0.2:80", "unix /run/x.sock",
/// "pipe". Empty: it is none any more. System calls that do not block.
[[nodiscard]] std::string endpoint_of(int fd);

}  // namespace coterie::debug
