#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "src/dashboard/call.hpp"

namespace coterie::dashboard {

/// Fields of every response: what a browser must not do with it.
[[nodiscard]] http::Headers security_headers(bool tls);

/// Whether an address is one that only this machine reaches.
[[nodiscard]] bool is_loopback(std::string_view host) noexcept;

/// Throws BadOptions where others than this machine could connect and nobody has to say who they are.
void require_safe_address(const DashboardOptions& options);

/// What a request must be before anybody looks at what it asks.
class Guard {
 public:
  Guard(const DashboardOptions& options);
  /// ApiError 421: it was sent to a name that is not this server's, see DashboardOptions::allowed_hosts.
  void check_host(const http::Request& request) const;
  /// Of a request for what the queue holds. ApiError 403 where another site's page made a browser send it: it
  /// could not read the answer, but how long a search takes tells what it finds.
  static void check_site(const http::Request& request);
  /// Of a request that may change something: the same, of browsers that send Origin alone too; 415 where it
  /// is not JSON.
  static void check_change(const http::Request& request);

 private:
  std::vector<std::string> hosts_;
};

}  // namespace coterie::dashboard
