#include "src/dashboard/errors.hpp"

#include <array>

#include "src/core/json_writer.hpp"
#include "src/dashboard/call.hpp"

namespace coterie::dashboard {
namespace {

constexpr std::array kinds{
    ErrorKind{ErrorCode::bad_filter, "bad_filter", 400},
    ErrorKind{ErrorCode::bad_parameter, "bad_parameter", 400},
    ErrorKind{ErrorCode::bad_id, "bad_id", 400},
    ErrorKind{ErrorCode::bad_topic, "bad_topic", 400},
    ErrorKind{ErrorCode::bad_request, "bad_request", 400},
    ErrorKind{ErrorCode::bad_args, "bad_args", 400},
    ErrorKind{ErrorCode::redacted, "redacted", 400},
    ErrorKind{ErrorCode::not_logged_in, "not_logged_in", 401},
    ErrorKind{ErrorCode::wrong_password, "wrong_password", 401},
    ErrorKind{ErrorCode::role, "role", 403},
    ErrorKind{ErrorCode::read_only, "read_only", 403},
    ErrorKind{ErrorCode::cross_site, "cross_site", 403},
    ErrorKind{ErrorCode::not_found, "not_found", 404},
    ErrorKind{ErrorCode::no_such_job, "no_such_job", 404},
    ErrorKind{ErrorCode::no_such_worker, "no_such_worker", 404},
    ErrorKind{ErrorCode::no_result, "no_result", 404},
    ErrorKind{ErrorCode::no_history, "no_history", 404},
    ErrorKind{ErrorCode::method_not_allowed, "method_not_allowed", 405},
    ErrorKind{ErrorCode::not_retried, "not_retried", 409},
    ErrorKind{ErrorCode::not_cancelled, "not_cancelled", 409},
    ErrorKind{ErrorCode::no_accounts, "no_accounts", 409},
    ErrorKind{ErrorCode::not_json, "not_json", 415},
    ErrorKind{ErrorCode::wrong_host, "wrong_host", 421},
    ErrorKind{ErrorCode::too_many_logins, "too_many_logins", 429, 60},
    ErrorKind{ErrorCode::too_many_questions, "too_many_questions", 429, 1},
    ErrorKind{ErrorCode::too_many_sessions, "too_many_sessions", 503},
    ErrorKind{ErrorCode::too_many_streams, "too_many_streams", 503, 5},
    ErrorKind{ErrorCode::broker_unavailable, "broker_unavailable", 503, 2},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kinds.size(); ++i)
    if (static_cast<std::size_t>(kinds[i].code) != i) return false;
  return kinds.size() == static_cast<std::size_t>(ErrorCode::broker_unavailable) + 1;
}
static_assert(in_order(), "each code has its line, at its place");

}  // namespace

std::span<const ErrorKind> error_kinds() noexcept {
  return kinds;
}

http::Response error_response(ErrorCode code, std::string_view message) {
  const ErrorKind& kind = kinds[static_cast<std::size_t>(code)];
  const std::string error = JsonObject().add("code", kind.name).add("message", message).str();
  http::Response response = json_response(JsonObject().raw("error", error).str(), kind.status);
  if (kind.retry_after > 0) response.headers.set("Retry-After", std::to_string(kind.retry_after));
  // A scheme for which no browser opens a window of its own.
  if (kind.status == 401) response.headers.set("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace coterie::dashboard
