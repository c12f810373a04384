#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "coterie/io/stream.hpp"
#include "coterie/io/tcp.hpp"

namespace coterie::io::detail {

/// connect_tcp() without its limit of time.
[[nodiscard]] Task<std::unique_ptr<Transport>> connect_transport(std::string host, std::uint16_t port,
                                                                 ConnectOptions options);
/// `connecting` within `limit`, or TimeoutError: `what`, "cannot connect to example.com:80", and the limit.
[[nodiscard]] Task<Stream> within(Task<Stream> connecting, std::string what, Duration limit);

}  // namespace coterie::io::detail
