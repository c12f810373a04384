#pragma once
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "coterie/http/message.hpp"

namespace coterie::dashboard {

/// Why a request was refused, for programs: {"error":{"code":"no_such_job",…}}. A code keeps its name and its
/// status for as long as the API is /v1, and stands in openapi.json; what is said to people may change.
enum class ErrorCode : std::uint8_t {
  bad_filter,
  bad_parameter,
  bad_id,
  bad_topic,
  bad_request,  ///< its body
  bad_args,     ///< those of a clone are no JSON
  redacted,
  not_logged_in,
  wrong_password,
  role,
  read_only,
  cross_site,
  not_found,
  no_such_job,
  no_such_worker,
  no_result,
  no_history,
  method_not_allowed,
  not_retried,
  not_cancelled,
  no_accounts,
  not_json,  ///< says its Content-Type
  wrong_host,
  too_many_logins,
  too_many_questions,
  too_many_sessions,
  too_many_streams,
  broker_unavailable,
};

struct ErrorKind {
  ErrorCode code;
  std::string_view name;
  int status;
  int retry_after = 0;  ///< seconds; 0: to ask again does not help, or nobody knows when
};
/// All of them, in the order of the enumeration.
[[nodiscard]] std::span<const ErrorKind> error_kinds() noexcept;

/// Becomes a response, see error_response().
class ApiError : public std::runtime_error {
 public:
  ApiError(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// {"error":{"code":…,"message":…}}, with the code's status, and with Retry-After and WWW-Authenticate where
/// they belong to it.
[[nodiscard]] http::Response error_response(ErrorCode code, std::string_view message);

}  // namespace coterie::dashboard
