#include "src/dashboard/router.hpp"

namespace coterie::dashboard {
namespace {

bool matches(std::string_view pattern, const std::vector<std::string>& segments,
             std::vector<std::string>& parts) {
  parts.clear();
  for (const std::string& segment : segments) {
    if (pattern.empty()) return false;
    pattern.remove_prefix(1);
    const std::string_view expected = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(expected.size());
    if (expected.starts_with('{'))
      parts.push_back(segment);
    else if (expected != segment)
      return false;
  }
  return pattern.empty();
}

}  // namespace

void Router::add(std::string method, std::string pattern, Access access, Route::Answer answer) {
  routes_.push_back(Route{std::move(method), std::move(pattern), access, std::move(answer)});
}

const Route* Router::find(const http::Request& request, std::vector<std::string>& parts) const {
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  for (const Route& route : routes_)
    if (route.method == method && matches(route.pattern, request.segments, parts)) return &route;
  return nullptr;
}

std::string Router::allowed(const std::vector<std::string>& segments) const {
  std::string methods;
  std::vector<std::string> parts;
  for (const Route& route : routes_) {
    if (!matches(route.pattern, segments, parts)) continue;
    if (!methods.empty()) methods += ", ";
    methods += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return methods;
}

http::Response json_response(std::string json, int status) {
  http::Response response(status, "application/json", std::move(json));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace coterie::dashboard
