#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "src/dashboard/call.hpp"

namespace coterie::dashboard {

enum class Access : std::uint8_t {
  open,     ///< to everybody: nothing of the queue is told
  look,     ///< viewers, and POST is no change
  inspect,  ///< operators, and nothing is changed: paths of sources and names of functions are told
  change,
  forget,
};

struct Route {
  using Answer = std::function<Task<http::Response>(Call)>;
  std::string method;
  std::string pattern;  ///< "/api/v1/jobs/{id}"
  Access access;
  Answer answer;
};

/// Which of a list of routes a request means.
class Router {
 public:
  void add(std::string method, std::string pattern, Access access, Route::Answer answer);
  /// The route, with `parts` filled in. Null: none has this path by this method. HEAD counts as GET.
  [[nodiscard]] const Route* find(const http::Request& request, std::vector<std::string>& parts) const;
  /// By which methods a path can be asked: "GET, HEAD", "POST"; empty: none has it.
  [[nodiscard]] std::string allowed(const std::vector<std::string>& segments) const;
  [[nodiscard]] const std::vector<Route>& routes() const noexcept { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace coterie::dashboard
