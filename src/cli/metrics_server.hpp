#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "coterie/runtime.hpp"
#include "coterie/task.hpp"

namespace coterie::cli {

/// Where to listen, and whether others than this machine may be there.
struct MetricsAddress {
  std::string host;
  std::uint16_t port = 0;
  MetricsAddress() = default;

  /// See parse_address(). UsageError, naming `flag`, also where the port is missing, and for an address that
  /// is not loopback's unless `anyone` was said.
  [[nodiscard]] static MetricsAddress parse(const std::string& flag, const std::string& text, bool anyone);
};

/// Metrics for Prometheus, on a thread of its own: it answers also while the worker's loop is blocked.
class MetricsServer {
 public:
  /// Listens when it returns; std::system_error, naming the address, where that cannot be. `page` runs on
  /// that thread.
  MetricsServer(const MetricsAddress& address, std::function<Task<std::string>()> page);

  /// "http://127.0.0.1:9464/metrics".
  [[nodiscard]] const std::string& url() const noexcept { return url_; }

 private:
  Runtime runtime_;
  std::string url_;
};

}  // namespace coterie::cli
