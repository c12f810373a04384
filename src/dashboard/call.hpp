#pragma once
#include <string>
#include <vector>

#include "coterie/dashboard/dashboard.hpp"
#include "coterie/http/message.hpp"
#include "src/dashboard/errors.hpp"

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

[[nodiscard]] http::Response json_response(std::string json, int status = 200);

}  // namespace coterie::dashboard
