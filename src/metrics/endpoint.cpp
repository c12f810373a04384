#include "coterie/metrics/endpoint.hpp"

#include <string_view>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/io/server.hpp"
#include "coterie/metrics/snapshot.hpp"
#include "coterie/timeout.hpp"

namespace coterie::metrics {
namespace {

using Page = std::function<Task<std::string>()>;

constexpr std::size_t most_request_bytes = std::size_t{16} << 10;
constexpr Duration at_most = std::chrono::seconds(10);
constexpr std::size_t most_connections = 16;

struct Request {
  std::string_view method;
  std::string_view path;
};

/// The first line, "GET /metrics?x HTTP/1.1"; an empty method where it is none.
Request parse(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || !line.substr(last + 1).starts_with("HTTP/1."))
    return {};
  const std::string_view target = line.substr(first + 1, last - first - 1);
  return Request{line.substr(0, first), target.substr(0, target.find('?'))};
}

std::string reply(std::string_view status, std::string_view body, std::string_view more = {},
                  bool with_body = true) {
  std::string text = "HTTP/1.1 ";
  text.append(status).append("\r\nContent-Type: ").append(Snapshot::content_type);
  text.append("\r\nContent-Length: ").append(std::to_string(body.size()));
  text.append("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n");
  text.append(more).append("\r\n");
  if (with_body) text.append(body);
  return text;
}

std::string what(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an unknown error";
  }
}

Task<std::string> answer_to(std::string_view head, const Page& page) {
  if (head.size() > most_request_bytes)
    co_return reply("431 Request Header Fields Too Large", "a request has at most 16 KiB\n");
  const Request request = parse(head);
  if (request.method.empty()) co_return reply("400 Bad Request", "this is not HTTP/1.1\n");
  if (request.path != "/metrics") co_return reply("404 Not Found", "the metrics are at /metrics\n");
  const bool head_only = request.method == "HEAD";
  if (request.method != "GET" && !head_only)
    co_return reply("405 Method Not Allowed", "GET it\n", "Allow: GET, HEAD\r\n");
  Task<std::string> call = page();
  Outcome<std::string> text = co_await outcome(std::move(call));
  if (text.cancelled()) (void)text.get();
  if (!text.has_value()) co_return reply("503 Service Unavailable", what(text.error()) + "\n");
  co_return reply("200 OK", text.get(), {}, !head_only);
}

Task<void> answer(const io::Stream& stream, const Page& page) {
  Task<std::string> reading = stream.read_until("\r\n\r\n");
  Outcome<std::string> head = co_await outcome(std::move(reading));
  if (head.cancelled()) (void)head.get();
  std::string text;
  try {
    text = head.get();
  } catch (const io::LimitOverrun&) {
    text.assign(most_request_bytes + 1, ' ');
  } catch (const std::exception&) {
    co_return;  // it went away
  }
  const std::string response = co_await answer_to(text, page);
  co_await stream.write(response);
  co_await stream.shutdown_write();
}

class Endpoint {
 public:
  explicit Endpoint(std::shared_ptr<const Page> page) : page_(std::move(page)) {}
  Task<void> operator()(io::Stream stream) { return handle(std::move(stream), page_); }

 private:
  static Task<void> handle(io::Stream stream, std::shared_ptr<const Page> page) {
    Task<void> answering = answer(stream, *page);
    Task<void> limited = wait_for(at_most, std::move(answering));
    const Outcome<void> end = co_await outcome(std::move(limited));
    if (end.cancelled()) end.get();
    // Too slow, or gone: a client's business.
  }
  std::shared_ptr<const Page> page_;
};

}  // namespace

Task<void> serve(io::Listener listener, std::function<Task<std::string>()> page) {
  Endpoint endpoint(std::make_shared<const Page>(std::move(page)));
  io::ServerOptions options;
  options.max_connections = most_connections;
  co_await io::serve(std::move(listener), endpoint, std::move(options));
}

}  // namespace coterie::metrics
