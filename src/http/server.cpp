#include "coterie/http/server.hpp"

#include <algorithm>
#include <ctime>
#include <string>

#include "coterie/core/linked_list.hpp"
#include "coterie/io/server.hpp"
#include "coterie/race.hpp"
#include "coterie/timeout.hpp"
#include "src/http/parser.hpp"

namespace coterie::http {
namespace {

constexpr std::size_t read_bytes = std::size_t{16} << 10;

/// RFC 9110, 5.6.7; made once a second.
const std::string& date() {
  thread_local std::time_t made = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made || text.empty()) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char buffer[64];
    text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    made = now;
  }
  return text;
}

/// Whether a value may stand in a header: a line end in it would begin a header of somebody else's making.
bool one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

class StreamWriter final : public Writer {
 public:
  StreamWriter(const io::Stream& stream, Duration limit) : stream_(&stream), limit_(limit) {}
  Task<void> write(std::string text) override {
    Task<void> writing = stream_->write(text);
    co_await wait_for(limit_, std::move(writing));
  }

 private:
  const io::Stream* stream_;
  Duration limit_;
};

class Connection;

struct Shared {
  Shared(Handler answers, ServerOptions chosen) : handler(std::move(answers)), options(std::move(chosen)) {}
  Handler handler;
  ServerOptions options;
  std::size_t connections = 0;
  LinkedList<Connection> waiting;  ///< for the header of a request, those that have waited longest first
};

class Connection : public ListNode {
 public:
  Connection(Shared& shared, io::Stream stream)
      : shared_(shared), stream_(std::move(stream)), writer_(stream_, shared.options.limits.write_time) {
    ++shared_.connections;
    make_room();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { --shared_.connections; }

  Task<void> serve() {
    for (;;) {
      Parser parser(limits());
      Task<bool> reading = read(parser);
      const bool came = co_await std::move(reading);
      if (!came) co_return;
      Request request;
      if (parser.error() != 0 || !parser.take(request)) {
        Response response = plain(parser.error());
        co_await send(std::move(response), Sent(false));
        co_await linger();
        co_return;
      }
      request.peer = stream_.peer();
      request.over_tls = shared_.options.tls.has_value();
      const bool keep_alive = request.keep_alive;
      const bool head = request.method == "HEAD";
      Task<Response> handling = answer(std::move(request));
      Response response = co_await std::move(handling);
      Sent sent(keep_alive && !response.stream);
      sent.head = head;
      sent.endless = static_cast<bool>(response.stream);
      std::function<Task<void>(Writer&)> stream = std::move(response.stream);
      co_await send(std::move(response), sent);
      if (stream && !head) co_await follow(stream);
      if (!sent.keep_alive) co_return;
    }
  }

 private:
  [[nodiscard]] const ServerLimits& limits() const noexcept { return shared_.options.limits; }

  /// So that whoever says nothing, or never comes to an end, keeps nobody out who has something to ask.
  void make_room() {
    const std::size_t kept_free = std::max<std::size_t>(1, limits().connections / 8);
    if (shared_.connections + kept_free <= limits().connections) return;
    if (Connection* const longest = shared_.waiting.pop_front()) longest->stream_.close();
  }

  /// False where the client went away, or asked nothing for too long.
  Task<bool> read(Parser& parser) {
    TimePoint deadline = EventLoop::current().now() + limits().idle_time;
    bool told = false;
    for (;;) {
      const bool idle = !parser.started();
      buffer_.erase(0, parser.feed(buffer_));
      if (parser.has_header() || parser.error() != 0) unlink();
      if (parser.done() || parser.error() != 0) co_return true;
      if (idle && parser.started()) deadline = EventLoop::current().now() + limits().request_time;
      if (!told && parser.wants_continue()) {
        told = true;
        co_await writer_.write("HTTP/1.1 100 Continue\r\n\r\n");
      }
      if (!parser.has_header() && !linked()) shared_.waiting.push_back(*this);
      Task<std::string> more = read_some(deadline);
      const Outcome<std::string> end = co_await outcome(std::move(more));
      if (end.cancelled()) (void)end.get();
      if (end.has_exception()) {
        if (parser.started() && timed_out(end.error())) {
          Response late = plain(408);
          co_await send(std::move(late), Sent(false));
        }
        co_return false;
      }
      if (end.get().empty()) co_return false;
      buffer_ += end.get();
    }
  }

  Task<std::string> read_some(TimePoint deadline) {
    Task<std::string> reading = stream_.read(read_bytes);
    co_return co_await wait_for(deadline - EventLoop::current().now(), std::move(reading));
  }

  static bool timed_out(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const TimeoutError&) {
      return true;
    } catch (...) {
      return false;
    }
  }

  Task<Response> answer(Request request) {
    Task<Response> handling = shared_.handler(std::move(request));
    Outcome<Response> end = co_await outcome(std::move(handling));
    if (!end.has_exception()) co_return std::move(end).get();  // or its cancel
    TaskRec& task = EventLoop::require_task();
    task.loop().report(task, "Unhandled exception in the handler of an HTTP request", end.error());
    co_return plain(500);
  }

  static Response plain(int status) {
    return Response(status, "text/plain; charset=utf-8", std::string(reason(status)) + "\n");
  }

  /// How a response is put on the wire.
  struct Sent {
    explicit Sent(bool goes_on) : keep_alive(goes_on) {}
    bool keep_alive;
    bool head = false;
    bool endless = false;
  };

  Task<void> send(Response response, Sent how) {
    std::string text =
        "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason(response.status));
    text += "\r\nDate: " + date();
    for (const auto& [name, value] : response.headers.fields())
      if (one_line(name) && one_line(value)) text.append("\r\n").append(name).append(": ").append(value);
    for (const auto& [name, value] : shared_.options.headers.fields())
      if (!response.headers.has(name)) text.append("\r\n").append(name).append(": ").append(value);
    const bool bodiless = response.status == 204 || response.status == 304;
    if (!how.endless && !bodiless) text += "\r\nContent-Length: " + std::to_string(response.body.size());
    text += how.keep_alive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
    if (!how.head && !bodiless) text += response.body;
    co_await writer_.write(std::move(text));
  }

  /// Until the stream has ended, or the client has: it has nothing more to say, so a read that returns is its
  /// end.
  Task<void> follow(const std::function<Task<void>(Writer&)>& stream) {
    Task<void> writing = stream(writer_);
    Task<std::string> reading = stream_.read(1);
    co_await race(std::move(writing), std::move(reading));
  }

  /// A connection that is closed while bytes are on their way is reset, and the client may lose the answer.
  Task<void> linger() {
    Task<void> ending = stream_.shutdown_write();
    co_await std::move(ending);
    const TimePoint until = EventLoop::current().now() + std::chrono::seconds(2);
    for (std::size_t dropped = 0; dropped < limits().body_bytes;) {
      Task<std::string> reading = read_some(until);
      const Outcome<std::string> end = co_await outcome(std::move(reading));
      if (!end.has_value() || end.get().empty()) co_return;
      dropped += end.get().size();
    }
  }

  Shared& shared_;
  io::Stream stream_;
  StreamWriter writer_;
  std::string buffer_;
};

/// What a client does to its own connection is its business: no report.
Task<void> serve_one(Shared* shared, io::Stream stream) {
  Connection connection(*shared, std::move(stream));
  Task<void> serving = connection.serve();
  const Outcome<void> end = co_await outcome(std::move(serving));
  if (end.cancelled()) (void)end.get();
  if (!end.has_exception()) co_return;
  try {
    std::rethrow_exception(end.error());
  } catch (const std::system_error&) {
  } catch (const TimeoutError&) {
  }
}

}  // namespace

Task<void> serve(io::Listener listener, Handler handler, ServerOptions options) {
  Shared shared(std::move(handler), std::move(options));
  io::ServerOptions server;
  server.max_connections = shared.options.limits.connections;
  server.tls = shared.options.tls;
  auto one = [context = &shared](io::Stream stream) { return serve_one(context, std::move(stream)); };
  co_await io::serve(std::move(listener), one, std::move(server));
}

}  // namespace coterie::http
