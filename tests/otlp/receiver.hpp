#pragma once
// A collector for tests: takes OTLP over HTTP, checks that it is what the protocol says, and keeps the spans.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/http/server.hpp"

namespace coterie::otlp_test {

/// A span as it came.
struct Span {
  std::string service;
  std::string trace;
  std::string id;
  std::string parent;
  std::string state;
  std::string name;
  std::string status;  ///< its message; nothing where it is not failed
  int kind = 0;
  int status_code = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::map<std::string, std::string> attributes;  ///< "intValue 7"
  std::map<std::string, std::map<std::string, std::string>> events;
  std::vector<std::string> links;  ///< ids of spans
  Span() = default;
};

/// On a thread of its own.
class Receiver {
 public:
  Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver();

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// What the next requests are answered, one after the other, and their spans are not kept unless it is 2xx;
  /// then 200 again.
  void answer(http::Response response);
  /// Requests are read, and answered only after release().
  void hold();
  void release();
  /// Blocks until so many requests have come, those that were not answered among them.
  void wait_for_requests(std::size_t count);
  /// Blocks until so many spans have come, and gives all.
  std::vector<Span> wait_for_spans(std::size_t count);
  [[nodiscard]] std::size_t requests() const;
  [[nodiscard]] std::vector<Span> spans() const;
  /// Of the newest request.
  [[nodiscard]] http::Request newest() const;
  /// What was not as OTLP has it; empty: nothing.
  [[nodiscard]] std::string complaint() const;

 private:
  Task<std::uint16_t> begin();
  Task<http::Response> serve(http::Request request);

  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  std::deque<http::Response> answers_;
  std::vector<Span> spans_;
  std::size_t requests_ = 0;
  http::Request newest_;
  std::string complaint_;
  Event open_;  // the loop's
  std::uint16_t port_ = 0;
  Runtime runtime_;
};

/// The spans of an ExportTraceServiceRequest. Throws std::exception where it is none.
[[nodiscard]] std::vector<Span> read_spans(const std::string& json);
/// The first of that name. Throws std::out_of_range.
[[nodiscard]] Span named(const std::vector<Span>& spans, const std::string& name);

}  // namespace coterie::otlp_test
