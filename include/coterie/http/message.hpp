#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coterie/task.hpp"

namespace coterie::http {

/// The fields of a message's header, in their order. Names are compared without case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;
  /// The first value; empty where there is none. Valid until the next change.
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  /// How often the name stands there.
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
  /// Replaces all of that name.
  void set(std::string_view name, std::string value);
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  [[nodiscard]] const std::vector<Field>& fields() const noexcept { return fields_; }

 private:
  std::vector<Field> fields_;
};

/// Equal but for the case of ASCII letters.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b) noexcept;

/// What a client asked for.
struct Request {
  std::string method;  ///< "GET", as it was sent
  std::string path;    ///< decoded: "/jobs/a b"; begins with '/', valid UTF-8, no control characters
  /// The path's parts between its slashes, each decoded: of "/queues/a%2Fb" these are "queues" and "a/b".
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order
  Headers headers;
  std::string body;
  std::string peer;  ///< the client's address
  bool keep_alive = true;
  bool over_tls = false;

  Request() = default;
  /// The query's first value of that key; empty where there is none.
  [[nodiscard]] std::string_view parameter(std::string_view key) const noexcept;
  /// The value of a cookie; empty where there is none.
  [[nodiscard]] std::string_view cookie(std::string_view name) const noexcept;
};

/// Where a response that goes on writes to.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;
  /// Sends all of it. std::system_error when the client is gone; a client that takes nothing for
  /// ServerLimits::write_time is.
  [[nodiscard]] virtual Task<void> write(std::string text) = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  /// Where set, it is run after the header was sent, and the connection closes when it ends. It is cancelled
  /// when the client goes away or the server stops. `body` is sent first.
  std::function<Task<void>(Writer&)> stream;

  Response() = default;
  explicit Response(int code, std::string content_type = {}, std::string text = {});
};

/// "Not Found".
[[nodiscard]] std::string_view reason(int status) noexcept;

/// `%41` and, with `plus`, '+' decoded; false where an escape is bad.
[[nodiscard]] bool percent_decode(std::string_view text, bool plus, std::string& out);

}  // namespace coterie::http
