#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "coterie/dashboard/dashboard.hpp"
#include "coterie/http/message.hpp"

namespace coterie::dashboard {

/// Who asks.
struct Caller {
  std::string name;
  Role role = Role::viewer;
  Caller() = default;
  Caller(std::string who, Role what) : name(std::move(who)), role(what) {}
};

/// One request on its way to what answers it.
struct Call {
  http::Request request;
  Caller caller;
  std::vector<std::string> parts;  ///< of the path, where the route has `{…}`
  Call() = default;
};

/// Becomes a response with this status and {"error":{"code":…,"message":…}}.
class ApiError : public std::runtime_error {
 public:
  ApiError(int status, std::string code, const std::string& message)
      : std::runtime_error(message), status_(status), code_(std::move(code)) {}
  [[nodiscard]] int status() const noexcept { return status_; }
  [[nodiscard]] const std::string& code() const noexcept { return code_; }

 private:
  int status_;
  std::string code_;
};

[[nodiscard]] http::Response json_response(std::string json, int status = 200);
[[nodiscard]] http::Response error_response(int status, std::string_view code, std::string_view message);

}  // namespace coterie::dashboard
