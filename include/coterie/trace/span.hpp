#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "coterie/trace_context.hpp"

/// What is told of a span that has ended, after OpenTelemetry's data model.
namespace coterie::trace {

using Time = std::chrono::system_clock::time_point;
using Value = std::variant<std::string, std::int64_t, double, bool>;

struct Attribute {
  std::string name;  ///< "messaging.system"
  Value value;
  Attribute() = default;
  Attribute(std::string its_name, std::string text) : name(std::move(its_name)), value(std::move(text)) {}
  Attribute(std::string its_name, const char* text) : name(std::move(its_name)), value(std::string(text)) {}
  Attribute(std::string its_name, std::int64_t number) : name(std::move(its_name)), value(number) {}
  Attribute(std::string its_name, double number) : name(std::move(its_name)), value(number) {}
  Attribute(std::string its_name, bool yes) : name(std::move(its_name)), value(yes) {}
};
using Attributes = std::vector<Attribute>;

/// Something that happened at one moment of a span.
struct Event {
  std::string name;
  Time time;
  Attributes attributes;
  Event() = default;
};

/// What part a span has in its trace.
enum class SpanKind : std::uint8_t {
  internal = 1,
  server = 2,    ///< serves a call from outside
  client = 3,    ///< calls somebody and waits for the answer
  producer = 4,  ///< sends what is worked on later
  consumer = 5,  ///< works on what was sent
};

/// More of these in one span are left out.
inline constexpr std::size_t most_attributes = 64;
inline constexpr std::size_t most_events = 64;
/// Longer texts are cut.
inline constexpr std::size_t most_text_bytes = std::size_t{8} << 10;

struct SpanData {
  SpanContext context;
  SpanId parent;  ///< zero: the trace begins here
  std::string name;
  SpanKind kind = SpanKind::internal;
  Time start;
  Time end;
  Attributes attributes;
  std::vector<Event> events;
  std::vector<SpanContext> links;  ///< spans that it has to do with, in this trace or another
  bool failed = false;
  std::string status;  ///< why, where it failed

  SpanData() = default;
  void set(Attribute attribute);
  void add_event(std::string event, Attributes of_event = {});
  /// It failed: an "exception" event with type, message and, if there is one, the stack; the attribute
  /// error.type and the status.
  void fail(const std::string& type, const std::string& message, const std::string& stack = {});
};

/// Where spans go when they have ended: an exporter, a test.
class SpanSink {
 public:
  SpanSink() = default;
  SpanSink(const SpanSink&) = delete;
  SpanSink& operator=(const SpanSink&) = delete;
  virtual ~SpanSink() = default;
  /// Any thread. Never waits: what there is no room for is dropped, and counted.
  virtual void add(SpanData span) noexcept = 0;
};

}  // namespace coterie::trace
