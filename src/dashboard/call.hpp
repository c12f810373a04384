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

/// What a line of the audit log says was done.
struct Deed {
  Deed(std::string what, std::string to, std::string matching = {}, std::string of_request = {})
      : action(std::move(what)),
        target(std::move(to)),
        filter(std::move(matching)),
        request(std::move(of_request)) {}
  std::string action;
  std::string target;   ///< ids, a queue, an address, or "filter"
  std::string filter;   ///< that chose the jobs; empty: none did
  std::string request;  ///< what lines of one request have in common; empty: it has this line alone
  /// The broker's answer was lost: more may be done than the line counts.
  bool unknown = false;
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
