#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/io/tls.hpp"
#include "coterie/log.hpp"
#include "coterie/metrics/registry.hpp"
#include "coterie/queue/broker.hpp"
#include "coterie/task.hpp"

namespace coterie::dashboard {

/// What was asked of a dashboard is not safe, or cannot be: an address for all the world without
/// authentication, a file of accounts that others may read. what() says what to do.
class BadOptions : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::uint16_t default_port = 8420;

struct DashboardOptions {
  /// Where it listens. Anything but loopback needs `accounts`, or `insecure_no_auth` spelled out.
  std::string host = "127.0.0.1";
  std::uint16_t port = default_port;  ///< 0: one that is free
  /// A file of tokens and passwords, hashed; see docs/dashboard.md and add_account(). Empty: everybody who
  /// can connect may do everything.
  std::string accounts;
  bool insecure_no_auth = false;
  /// Nothing can be changed, whoever asks; nor is the history of the charts kept in the broker.
  bool read_only = false;
  /// Fields of jobs whose values are not shown, beside the usual ones and those that workers declare: names,
  /// as of WorkerOptions::redact(); "*" is all.
  std::vector<std::string> redact;
  /// Names by which it may be called, beside addresses, localhost and `host`: a page that makes its own name
  /// point here (DNS rebinding) is refused.
  std::vector<std::string> allowed_hosts;
  /// Read for the pages instead of what is built in, for who works on them.
  std::string web_root;
  std::optional<io::TlsServerContext> tls;
  /// What /metrics has beside the queues' gauges, for Prometheus; null: these alone.
  std::shared_ptr<const metrics::Registry> metrics;
  /// One line of JSON for each change that somebody made: who, what, to what, with what result. A request
  /// that names more than 100 jobs is a line for each 100, with a "request" in common. Called on the loop.
  std::function<void(std::string_view)> audit;
  /// Told that the broker does not answer, and why, and that it answers again: a line at each change, however
  /// often it is asked. Called on the loop. Null: nobody is.
  std::shared_ptr<LogSink> log;
  /// Called once it listens, with its URL.
  std::function<void(const std::string&)> listening;
  DashboardOptions() = default;
};

/// Serves the pages and the API (docs/dashboard.md) until it is cancelled, and then returns when all that was
/// begun has ended. Of one loop; the broker may be shared with workers:
///
///     auto dashboard = spawn(dashboard::serve, broker, options);
///
/// BadOptions before anything listens; std::system_error where it cannot listen.
[[nodiscard]] Task<void> serve(std::shared_ptr<queue::Broker> broker, DashboardOptions options = {});

/// The pages are part of this build (-DCOTERIE_DASHBOARD); without them there is the API alone.
[[nodiscard]] bool has_pages() noexcept;

/// Each may do what those before it may.
enum class Role : std::uint8_t {
  viewer,     ///< looks
  operator_,  ///< retries, cancels, pauses, resumes
  admin,      ///< forgets jobs
};
[[nodiscard]] std::string_view to_string(Role role) noexcept;
[[nodiscard]] std::optional<Role> parse_role(std::string_view text) noexcept;

/// A new token, which is shown once, and the line for the file of accounts, which holds its hash.
struct NewToken {
  std::string token;
  std::string line;
};
[[nodiscard]] NewToken make_token(const std::string& name, Role role);
/// The line for a person who logs in with a password; takes a tenth of a second. BadOptions for a name that
/// will not do, and for fewer than 8 bytes.
[[nodiscard]] std::string make_account(const std::string& name, Role role, const std::string& password);

}  // namespace coterie::dashboard
