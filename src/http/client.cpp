#include "coterie/http/client.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "coterie/io/tcp.hpp"
#include "coterie/timeout.hpp"
#include "src/http/response_parser.hpp"

namespace coterie::http {
namespace {

constexpr std::size_t read_bytes = std::size_t{16} << 10;
constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

[[noreturn]] void refuse(std::string_view url, const std::string& why) {
  throw std::invalid_argument("'" + std::string(url) + "': " + why);
}

std::uint16_t port_of(std::string_view url, std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535)
    refuse(url, "its port '" + std::string(text) + "' is no number from 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

/// Takes the host off "host:port", "[::1]:port" or "host", and leaves ":port" or nothing.
std::string_view take_host(std::string_view url, std::string_view& authority) {
  std::string_view host;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) refuse(url, "the bracket of its IPv6 address is not closed");
    host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
  } else {
    host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(host.size());
  }
  if (host.empty()) refuse(url, "it names no host");
  return host;
}

std::string request_text(const std::string& method, const Url& url, const Headers& headers,
                         std::string_view body) {
  std::string text = method + " " + url.target + " HTTP/1.1\r\nHost: " + url.authority();
  for (const auto& [name, value] : headers.fields()) text += "\r\n" + name + ": " + value;
  text += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  return text.append(body);
}

Task<io::Stream> connect(const Url& url, const ClientOptions& options) {
  io::ConnectOptions how;
  how.timeout = options.timeout;
  if (!url.tls) {
    Task<io::Stream> plain = io::connect_tcp(url.host, url.port, how);
    co_return co_await std::move(plain);
  }
  io::TlsContext tls = options.tls ? *options.tls : io::TlsContext();
  Task<io::Stream> secure = io::connect_tls(url.host, url.port, std::move(tls), how);
  co_return co_await std::move(secure);
}

/// "100 Continue" and its like come before the response.
bool is_interim(const Response& response) {
  return response.status >= 100 && response.status < 200;
}

Task<Response> read_response(const io::Stream& stream, const ClientOptions& options) {
  std::string buffer;
  for (;;) {
    ResponseParser parser(options);
    while (!parser.done()) {
      buffer.erase(0, parser.feed(buffer));
      if (parser.done()) break;
      Task<std::string> reading = stream.read(read_bytes);
      const std::string more = co_await std::move(reading);
      if (more.empty()) {
        parser.feed_end();
        break;
      }
      buffer += more;
    }
    Response response = parser.take();
    if (!is_interim(response)) co_return response;
  }
}

Task<Response> talk(std::string method, Url url, Headers headers, std::string body, ClientOptions options) {
  const std::string text = request_text(method, url, headers, body);
  Task<io::Stream> connecting = connect(url, options);
  const io::Stream stream = co_await std::move(connecting);
  // A server may answer and close before it has read it all: its answer counts.
  Task<void> writing = stream.write(text);
  const Outcome<void> written = co_await outcome(std::move(writing));
  if (written.cancelled()) (void)written.get();
  Task<Response> reading = read_response(stream, options);
  Outcome<Response> response = co_await outcome(std::move(reading));
  if (written.has_exception() && response.has_exception() && !response.cancelled()) written.get();
  co_return std::move(response).get();
}

}  // namespace

Url Url::parse(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else {
    refuse(text, "it is no URL: write http://HOST:PORT or https://HOST:PORT");
  }
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::string_view target = rest.substr(authority.size());
  if (authority.find('@') != std::string_view::npos)  // and what stands before it is nobody's business
    refuse(std::string(text.substr(0, text.find("://") + 3)) + "…",
           "a user or password in the URL is not sent: give a header instead");
  for (const char c : text)
    if (c <= ' ' || c == '\x7f') refuse(text, "a URL has no spaces and no control characters");
  if (text.find('#') != std::string_view::npos)
    refuse(text, "what stands behind '#' is never sent: leave it out");
  url.host = take_host(text, authority);
  url.port = url.tls ? https_port : http_port;
  if (!authority.empty() && authority.front() != ':')
    refuse(text, "a ':' and the port stand behind the host");
  if (!authority.empty()) url.port = port_of(text, authority.substr(1));
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return url;
}

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (tls ? https_port : http_port) ? name : name + ":" + std::to_string(port);
}

std::string Url::str() const {
  return (tls ? "https://" : "http://") + authority() + target;
}

Task<Response> request(std::string method, Url url, Headers headers, std::string body,
                       ClientOptions options) {
  const Duration limit = options.timeout;
  Task<Response> talking =
      talk(std::move(method), std::move(url), std::move(headers), std::move(body), std::move(options));
  co_return co_await wait_for(limit, std::move(talking));
}

}  // namespace coterie::http
