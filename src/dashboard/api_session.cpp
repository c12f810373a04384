// Who is there: logging in and out.
#include "coterie/threads/to_thread.hpp"
#include "src/core/json_writer.hpp"
#include "src/dashboard/json_input.hpp"
#include "src/dashboard/service.hpp"

namespace coterie::dashboard {
namespace {

std::string cookie_header(const std::string& value, bool tls, bool gone) {
  return "coterie_session=" + value + "; Path=/; HttpOnly; SameSite=Strict" + (tls ? "; Secure" : "") +
         (gone ? "; Max-Age=0" : "; Max-Age=43200");
}

std::string session_json(const Caller& caller, bool read_only, bool open) {
  return JsonObject()
      .add("name", caller.name)
      .add("role", to_string(caller.role))
      .add("read_only", read_only)
      .add("can_log_out", !open)
      .str();
}

/// The address without its port.
std::string address_of(const std::string& peer) {
  return peer.substr(0, peer.rfind(':'));
}

/// On a thread, which goes on where the request is cancelled: so it owns what it needs.
std::optional<Caller> check(std::shared_ptr<const Accounts> accounts, std::string name,
                            std::string password) {
  return accounts->by_password(name, password);
}

}  // namespace

/// Who the caller is; 401 where that is not known, which tells the pages to show the form.
Task<http::Response> Service::session(Call call) {
  const Caller caller = authenticate(call.request);
  std::string text = session_json(caller, options_.read_only, open_);
  text.pop_back();
  text += ",\"broker\":" + json_string(broker_->url()) + ",\"pages\":" + (has_pages() ? "true}" : "false}");
  co_return json_response(std::move(text));
}

Task<http::Response> Service::login(Call call) {
  if (open_) throw ApiError(ErrorCode::no_accounts, "this dashboard has no accounts: nobody logs in");
  const ActionBody body = read_action(call.request.body);
  if (!body.name || !body.password) throw ApiError(ErrorCode::bad_request, "say name and password");
  const std::string address = address_of(call.request.peer);
  if (!logins_.allows(address, EventLoop::current().now()))
    throw ApiError(ErrorCode::too_many_logins, "too many wrong passwords: wait a minute");
  // Counted before it is known, so that many at once are counted as well.
  logins_.failed(address, EventLoop::current().now());
  const std::string name = *body.name;
  const std::string password = *body.password;
  const std::optional<Caller> caller = co_await to_thread(check, accounts_, name, password);
  if (!caller) {
    audit(Caller(name.substr(0, 64), Role::viewer), Deed("login refused", address), 0);
    throw ApiError(ErrorCode::wrong_password, "no such name with this password");
  }
  logins_.forgive(address);
  audit(*caller, Deed("login", address), 1);
  http::Response response = json_response(session_json(*caller, options_.read_only, false));
  const std::string cookie = sessions_.open(*caller, EventLoop::current().now());
  response.headers.add("Set-Cookie", cookie_header(cookie, call.request.over_tls, false));
  co_return response;
}

Task<http::Response> Service::logout(Call call) {
  sessions_.close(call.request.cookie("coterie_session"));
  http::Response response = json_response(JsonObject().add("logged_out", true).str());
  response.headers.add("Set-Cookie", cookie_header("", call.request.over_tls, true));
  co_return response;
}

}  // namespace coterie::dashboard
