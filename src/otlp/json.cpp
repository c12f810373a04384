#include "src/otlp/json.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "src/core/json_writer.hpp"

namespace coterie::otlp {
namespace {

using trace::Attribute;
using trace::Attributes;
using trace::SpanContext;
using trace::SpanData;

void append_number(std::string& out, double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

void append_value(std::string& out, const trace::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    out += "{\"stringValue\":";
    append_json_string(out, *text);
  } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    out.append("{\"intValue\":\"").append(std::to_string(*whole)).append("\"");
  } else if (const auto* number = std::get_if<double>(&value)) {
    out += "{\"doubleValue\":";
    if (std::isfinite(*number))
      append_number(out, *number);
    else
      out += std::isnan(*number) ? "\"NaN\"" : *number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    out.append("{\"boolValue\":").append(std::get<bool>(value) ? "true" : "false");
  }
  out += '}';
}

void append_attributes(std::string& out, const Attributes& attributes) {
  if (attributes.empty()) return;
  out += ",\"attributes\":[";
  for (const Attribute& attribute : attributes) {
    if (&attribute != attributes.data()) out += ',';
    out += "{\"key\":";
    append_json_string(out, attribute.name);
    out += ",\"value\":";
    append_value(out, attribute.value);
    out += '}';
  }
  out += ']';
}

void append_time(std::string& out, const char* name, trace::Time time) {
  using std::chrono::nanoseconds;
  const auto since = std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count();
  out.append("\"").append(name).append("\":\"").append(std::to_string(since)).append("\"");
}

/// `"traceId":…,"spanId":…,"traceState":…,"flags":…`
void append_context(std::string& out, const SpanContext& context) {
  out.append("\"traceId\":\"").append(context.trace.hex());
  out.append("\",\"spanId\":\"").append(context.span.hex()).append("\"");
  if (!context.state.empty()) {
    out += ",\"traceState\":";
    append_json_string(out, context.state);
  }
  out += context.sampled ? ",\"flags\":1" : ",\"flags\":0";
}

void append_span(std::string& out, const SpanData& span) {
  out += '{';
  append_context(out, span.context);
  if (!span.parent.is_zero()) out.append(",\"parentSpanId\":\"").append(span.parent.hex()).append("\"");
  out += ",\"name\":";
  append_json_string(out, span.name);
  out.append(",\"kind\":").append(std::to_string(static_cast<int>(span.kind))).append(",");
  append_time(out, "startTimeUnixNano", span.start);
  out += ',';
  append_time(out, "endTimeUnixNano", span.end);
  append_attributes(out, span.attributes);
  if (!span.events.empty()) {
    out += ",\"events\":[";
    for (const trace::Event& event : span.events) {
      out += &event == span.events.data() ? "{" : ",{";
      append_time(out, "timeUnixNano", event.time);
      out += ",\"name\":";
      append_json_string(out, event.name);
      append_attributes(out, event.attributes);
      out += '}';
    }
    out += ']';
  }
  if (!span.links.empty()) {
    out += ",\"links\":[";
    for (const SpanContext& link : span.links) {
      out += &link == span.links.data() ? "{" : ",{";
      append_context(out, link);
      out += '}';
    }
    out += ']';
  }
  if (span.failed) {
    out += ",\"status\":{\"code\":2,\"message\":";
    append_json_string(out, span.status);
    out += '}';
  }
  out += '}';
}

}  // namespace

std::string write_resource(const Attributes& attributes) {
  std::string list;
  append_attributes(list, attributes);
  if (!list.empty()) list.erase(0, 1);  // the comma
  return "{" + list + "}";
}

std::string write_request(std::string_view resource, const std::vector<SpanData>& spans) {
  std::string out;
  out.reserve(256 + resource.size() + spans.size() * 768);
  out.append("{\"resourceSpans\":[{\"resource\":").append(resource);
  out += ",\"scopeSpans\":[{\"scope\":{\"name\":\"coterie\"},\"spans\":[";
  for (const SpanData& span : spans) {
    if (&span != spans.data()) out += ',';
    append_span(out, span);
  }
  return out += "]}]}]}";
}

/// {"partialSuccess":{"rejectedSpans":"3","errorMessage":"…"}}: nothing else of it is needed.
std::uint64_t read_rejected(std::string_view body) {
  constexpr std::string_view name = "\"rejectedSpans\"";
  const std::size_t at = body.find(name);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = body.substr(at + name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n:\""), rest.size()));
  std::uint64_t count = 0;
  (void)std::from_chars(rest.data(), rest.data() + rest.size(), count);
  return count;
}

}  // namespace coterie::otlp
