#include "src/dashboard/guard.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

namespace coterie::dashboard {
namespace {

/// "example.org:80" without the port, "[::1]:80" without the brackets.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = std::min(authority.find(']'), authority.size() - 1);
    const std::string_view port = authority.substr(end + 1);
    const bool whole = authority[end] == ']' && (port.empty() || port.front() == ':');
    return whole ? authority.substr(1, end - 1) : std::string_view();
  }
  return authority.substr(0, authority.rfind(':'));
}

bool is_address(std::string_view host) {
  const std::string text(host);
  in6_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace

http::Headers security_headers(bool tls) {
  http::Headers headers;
  headers.add(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
      "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
      "require-trusted-types-for 'script'; trusted-types 'none'");
  headers.add("X-Content-Type-Options", "nosniff");
  headers.add("X-Frame-Options", "DENY");
  headers.add("Referrer-Policy", "no-referrer");
  headers.add("Cross-Origin-Opener-Policy", "same-origin");
  headers.add("Cross-Origin-Resource-Policy", "same-origin");
  headers.add("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
  headers.add("Cache-Control", "no-store");
  if (tls) headers.add("Strict-Transport-Security", "max-age=31536000");
  return headers;
}

bool is_loopback(std::string_view host) noexcept {
  if (host == "localhost" || host == "::1") return true;
  in_addr address{};
  return ::inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 &&
         (ntohl(address.s_addr) >> 24) == 127;
}

void require_safe_address(const DashboardOptions& options) {
  if (is_loopback(options.host) || !options.accounts.empty() || options.insecure_no_auth) return;
  throw BadOptions(
      "the dashboard would listen at '" + options.host +
      "', where others than this machine can connect, and nobody would have to say who they are: give "
      "it accounts (--accounts FILE), listen at 127.0.0.1, or take `coterie dashboard --insecure-no-auth`");
}

Guard::Guard(const DashboardOptions& options) : hosts_(options.allowed_hosts) {
  hosts_.emplace_back("localhost");
  hosts_.push_back(options.host);
}

void Guard::check_host(const http::Request& request) const {
  const std::string_view host = host_of(request.headers.get("host"));
  // An address cannot be made to point elsewhere.
  if (is_address(host)) return;
  const auto same = [host](const std::string& name) { return http::same_name(name, host); };
  if (!host.empty() && std::any_of(hosts_.begin(), hosts_.end(), same)) return;
  throw ApiError(ErrorCode::wrong_host,
                 "this server is not called so; if it is to be, start it with --allow-host NAME");
}

void Guard::check_site(const http::Request& request) {
  const std::string_view site = request.headers.get("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none")
    throw ApiError(ErrorCode::cross_site, "a page of another site may not ask here");
}

void Guard::check_change(const http::Request& request) {
  check_site(request);
  // An old browser sends Origin alone; a program neither.
  const std::string_view origin = request.headers.get("origin");
  if (request.headers.get("sec-fetch-site").empty() && !origin.empty()) {
    const std::size_t scheme = origin.find("://");
    if (scheme == std::string_view::npos ||
        !http::same_name(origin.substr(scheme + 3), request.headers.get("host")))
      throw ApiError(ErrorCode::cross_site, "a page of another site may change nothing here");
  }
  std::string_view type = request.headers.get("content-type");
  type = type.substr(0, type.find(';'));
  if (!http::same_name(type, "application/json"))
    throw ApiError(ErrorCode::not_json, "send Content-Type: application/json");
}

}  // namespace coterie::dashboard
