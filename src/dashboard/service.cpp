#include "src/dashboard/service.hpp"

#include <filesystem>

#include "coterie/await_outcome.hpp"
#include "src/core/json_writer.hpp"
#include "src/dashboard/filter.hpp"
#include "src/dashboard/views.hpp"

namespace coterie::dashboard {
namespace {

/// What a call that did not work becomes.
http::Response response_for(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const ApiError& known) {
    return error_response(known.code(), known.what());
  } catch (const BadFilter& bad) {
    return error_response(ErrorCode::bad_filter, bad.what());
  } catch (const queue::BrokerUnavailable& away) {
    return error_response(ErrorCode::broker_unavailable, away.what());
  } catch (const queue::QueueError& bad) {  // BadRequest, JsonError
    return error_response(ErrorCode::bad_request, bad.what());
  }
}

}  // namespace

Service::Service(std::shared_ptr<queue::Broker> broker, DashboardOptions options)
    : broker_(std::move(broker)),
      options_(std::move(options)),
      guard_(options_),
      open_(options_.accounts.empty()),
      monitor_(broker_, !options_.read_only, options_.log),
      questions_(broker_),
      redactions_(broker_, options_.redact) {
  require_safe_address(options_);
  if (!options_.web_root.empty() && !std::filesystem::is_directory(options_.web_root))
    throw BadOptions("'" + options_.web_root + "' is no folder: the pages would be the built-in ones");
  if (!open_) accounts_ = std::make_shared<const Accounts>(Accounts::read(options_.accounts));
  add_routes();
}

void Service::add_routes() {
  const auto to = [this](Reply (Service::*method)(Call)) {
    return [this, method](Call call) { return (this->*method)(std::move(call)); };
  };
  router_.add("GET", "/healthz", Access::open, to(&Service::health));
  router_.add("GET", "/readyz", Access::open, to(&Service::ready));
  router_.add("GET", "/metrics", Access::look, to(&Service::metrics));
  router_.add("GET", "/api/v1/openapi.json", Access::open, to(&Service::openapi));
  router_.add("GET", "/api/v1/session", Access::open, to(&Service::session));
  router_.add("POST", "/api/v1/login", Access::open, to(&Service::login));
  router_.add("POST", "/api/v1/logout", Access::open, to(&Service::logout));
  router_.add("GET", "/api/v1/overview", Access::look, to(&Service::overview));
  router_.add("GET", "/api/v1/history", Access::look, to(&Service::history));
  router_.add("GET", "/api/v1/workers", Access::look, to(&Service::workers));
  router_.add("GET", "/api/v1/workers/{id}/tasks", Access::inspect, to(&Service::worker_tasks));
  router_.add("GET", "/api/v1/events", Access::look, to(&Service::events));
  router_.add("GET", "/api/v1/jobs", Access::look, to(&Service::jobs));
  router_.add("GET", "/api/v1/count", Access::look, to(&Service::count_jobs));
  router_.add("GET", "/api/v1/jobs/{id}", Access::look, to(&Service::job));
  router_.add("GET", "/api/v1/jobs/{id}/args", Access::look,
              [this](Call call) { return body(std::move(call), false); });
  router_.add("GET", "/api/v1/jobs/{id}/result", Access::look,
              [this](Call call) { return body(std::move(call), true); });
  router_.add("POST", "/api/v1/jobs/{id}/retry", Access::change, to(&Service::retry_one));
  router_.add("POST", "/api/v1/jobs/{id}/cancel", Access::change, to(&Service::cancel_one));
  router_.add("POST", "/api/v1/jobs/{id}/clone", Access::change, to(&Service::clone));
  router_.add("POST", "/api/v1/queues/{queue}/drain", Access::change, to(&Service::drain_queue));
  router_.add("POST", "/api/v1/retry", Access::change,
              [this](Call call) { return bulk(std::move(call), Change::retry); });
  router_.add("POST", "/api/v1/cancel", Access::change,
              [this](Call call) { return bulk(std::move(call), Change::cancel); });
  router_.add("POST", "/api/v1/purge", Access::forget, to(&Service::purge));
  router_.add("POST", "/api/v1/queues/{queue}/pause", Access::change,
              [this](Call call) { return set_paused(std::move(call), true); });
  router_.add("POST", "/api/v1/queues/{queue}/resume", Access::change,
              [this](Call call) { return set_paused(std::move(call), false); });
}

Task<http::Response> Service::answer(http::Request request) {
  Reply working = dispatch(std::move(request));
  Outcome<http::Response> end = co_await outcome(std::move(working));
  if (!end.has_exception()) co_return std::move(end).get();  // or its cancel
  co_return response_for(end.error());
}

Task<http::Response> Service::dispatch(http::Request request) {
  guard_.check_host(request);
  Call call;
  const Route* const route = router_.find(request, call.parts);
  if (route == nullptr) co_return unrouted(request);
  if (route->method != "GET")
    Guard::check_change(request);
  else if (route->access != Access::open)
    Guard::check_site(request);
  if (route->access != Access::open) call.caller = authenticate(request);
  require(*route, call.caller);
  call.request = std::move(request);
  Reply answering = route->answer(std::move(call));
  co_return co_await std::move(answering);
}

http::Response Service::unrouted(const http::Request& request) const {
  const bool api = !request.segments.empty() && request.segments.front() == "api";
  std::string methods = router_.allowed(request.segments);
  if (methods.empty() && api)
    throw ApiError(ErrorCode::not_found, "the API has no such path: /api/v1/openapi.json lists them");
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (methods.empty() && reads) return page(request);
  if (methods.empty()) methods = "GET, HEAD";
  http::Response response = error_response(ErrorCode::method_not_allowed,
                                           "there is no " + request.method + " of this path: " + methods);
  response.headers.set("Allow", methods);
  return response;
}

std::optional<Caller> Service::caller_of(const http::Request& request) const {
  if (open_) return Caller("anonymous", Role::admin);
  constexpr std::string_view bearer = "Bearer ";
  const std::string_view authorization = request.headers.get("authorization");
  if (authorization.size() > bearer.size() && http::same_name(authorization.substr(0, bearer.size()), bearer))
    return accounts_->by_token(authorization.substr(bearer.size()));
  return sessions_.find(request.cookie("coterie_session"), EventLoop::current().now());
}

Caller Service::authenticate(const http::Request& request) const {
  const std::optional<Caller> caller = caller_of(request);
  if (!caller) throw ApiError(ErrorCode::not_logged_in, "log in, or send Authorization: Bearer TOKEN");
  return *caller;
}

void Service::require(const Route& route, const Caller& caller) const {
  const Role least = route.access == Access::forget    ? Role::admin
                     : route.access >= Access::inspect ? Role::operator_
                                                       : Role::viewer;
  if (route.access > Access::inspect && options_.read_only)
    throw ApiError(ErrorCode::read_only, "this dashboard was started with --read-only");
  if (caller.role < least)
    throw ApiError(ErrorCode::role, "'" + caller.name + "' is " + std::string(to_string(caller.role)) +
                                        ", and this is for " + std::string(to_string(least)) + "s");
}

void Service::audit(const Caller& caller, const Deed& deed, std::uint64_t count) const {
  if (!options_.audit) return;
  JsonObject line;
  line.add("at_ms", wall_clock()).add("who", caller.name).add("role", to_string(caller.role));
  line.add("action", deed.action).add("target", deed.target).add("filter", deed.filter).add("count", count);
  if (!deed.request.empty()) line.add("request", deed.request);
  if (deed.unknown) line.add("outcome", "unknown");
  options_.audit(line.str());
}

}  // namespace coterie::dashboard
