#include "otlp/receiver.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <set>
#include <stdexcept>

namespace coterie::otlp_test {
namespace {

namespace json = boost::json;

std::string text(const json::value& value) {
  return std::string(value.as_string());
}

void require(bool sane, const std::string& what) {
  if (!sane) throw std::runtime_error(what);
}

/// An object with all of `required`, and beyond these only `optional`: a collector leaves out what it does
/// not know, so that a name that is spelled wrongly would be lost without a word.
const json::object& object_of(const json::value& value, const std::string& what,
                              const std::set<std::string>& required,
                              const std::set<std::string>& optional = {}) {
  const json::object& object = value.as_object();
  for (const std::string& name : required) require(object.contains(name), what + " lacks " + name);
  for (const auto& [name, content] : object)
    require(required.contains(std::string(name)) || optional.contains(std::string(name)),
            what + " has '" + std::string(name) + "', which OTLP does not know");
  return object;
}

/// Lower-case hexadecimal digits, not all of them 0. Not base64, as protobuf's JSON has bytes elsewhere.
std::string id(const json::value& value, std::size_t digits) {
  std::string found = text(value);
  require(found.size() == digits && found.find_first_not_of("0123456789abcdef") == std::string::npos &&
              found.find_first_not_of('0') != std::string::npos,
          "'" + found + "' is no id");
  return found;
}

/// 64 bits are decimal digits in a string: JSON's numbers lose them.
template <class Number>
Number whole(const json::value& value) {
  const std::string digits = text(value);
  Number number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  require(error == std::errc() && end == digits.data() + digits.size(),
          "'" + digits + "' is no 64-bit number");
  return number;
}

/// An enum is a number, never its name.
int one_of(const json::value& value, int least, int most, const std::string& what) {
  const std::int64_t number = value.as_int64();
  require(number >= least && number <= most, what + " " + std::to_string(number) + " is none");
  return static_cast<int>(number);
}

std::string value_of(const json::object& value) {
  require(value.size() == 1, "a value has one member");
  const auto& [type, content] = *value.begin();
  if (type == "stringValue") return "stringValue " + text(content);
  if (type == "intValue") return "intValue " + std::to_string(whole<std::int64_t>(content));
  if (type == "boolValue") return std::string(type) + (content.as_bool() ? " true" : " false");
  require(type == "doubleValue", "'" + std::string(type) + "' is no type of a value");
  require(content.is_number() || content == "NaN" || content == "Infinity" || content == "-Infinity",
          json::serialize(content) + " is no double");
  return std::string(type) + " " + json::serialize(content);
}

std::map<std::string, std::string> attributes_of(const json::object& holder) {
  std::map<std::string, std::string> found;
  if (!holder.contains("attributes")) return found;
  for (const json::value& each : holder.at("attributes").as_array()) {
    const json::object& attribute = object_of(each, "an attribute", {"key", "value"});
    require(!attribute.at("key").as_string().empty(), "an attribute has no name");
    require(found.emplace(text(attribute.at("key")), value_of(attribute.at("value").as_object())).second,
            "an attribute stands there twice");
  }
  return found;
}

Span read_span(const json::value& value) {
  const json::object& object = object_of(
      value, "a span", {"traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "flags"},
      {"traceState", "parentSpanId", "attributes", "events", "links", "status"});
  Span span;
  span.trace = id(object.at("traceId"), 32);
  span.id = id(object.at("spanId"), 16);
  if (object.contains("parentSpanId")) span.parent = id(object.at("parentSpanId"), 16);
  if (object.contains("traceState")) span.state = text(object.at("traceState"));
  require(object.at("flags").as_int64() == 1, "a span that came was sampled");
  span.name = text(object.at("name"));
  require(!span.name.empty(), "a span has no name");
  span.kind = one_of(object.at("kind"), 1, 5, "the kind");
  span.start = whole<std::uint64_t>(object.at("startTimeUnixNano"));
  span.end = whole<std::uint64_t>(object.at("endTimeUnixNano"));
  require(span.start <= span.end && span.start > 1'500'000'000'000'000'000, "its times make no sense");
  span.attributes = attributes_of(object);
  if (object.contains("events"))
    for (const json::value& each : object.at("events").as_array()) {
      const json::object& event = object_of(each, "an event", {"timeUnixNano", "name"}, {"attributes"});
      require(whole<std::uint64_t>(event.at("timeUnixNano")) >= span.start, "an event before its span");
      span.events[text(event.at("name"))] = attributes_of(event);
    }
  if (object.contains("links"))
    for (const json::value& each : object.at("links").as_array()) {
      const json::object& link =
          object_of(each, "a link", {"traceId", "spanId", "flags"}, {"traceState", "attributes"});
      (void)id(link.at("traceId"), 32);
      span.links.push_back(id(link.at("spanId"), 16));
    }
  if (object.contains("status")) {
    const json::object& status = object_of(object.at("status"), "a status", {"code"}, {"message"});
    span.status_code = one_of(status.at("code"), 0, 2, "the status");
    if (status.contains("message")) span.status = text(status.at("message"));
  }
  return span;
}

RuntimeOptions one_loop() {
  RuntimeOptions options;
  options.loops = 1;
  options.name = "collector";
  return options;
}

}  // namespace

std::vector<Span> read_spans(const std::string& body) {
  std::vector<Span> spans;
  const json::value root = json::parse(body);
  for (const json::value& each_resource :
       object_of(root, "the request", {"resourceSpans"}).at("resourceSpans").as_array()) {
    const json::object& resource = object_of(each_resource, "a resource's spans", {"resource", "scopeSpans"});
    const auto about = attributes_of(object_of(resource.at("resource"), "a resource", {"attributes"}));
    for (const json::value& each_scope : resource.at("scopeSpans").as_array()) {
      const json::object& of_scope = object_of(each_scope, "a scope's spans", {"scope", "spans"});
      const json::object& scope = object_of(of_scope.at("scope"), "a scope", {"name"}, {"version"});
      require(scope.at("name") == "coterie", "it is another scope");
      for (const json::value& each : of_scope.at("spans").as_array()) {
        spans.push_back(read_span(each));
        spans.back().service = about.at("service.name");
      }
    }
  }
  return spans;
}

Span named(const std::vector<Span>& spans, const std::string& name) {
  for (const Span& span : spans)
    if (span.name == name) return span;
  throw std::out_of_range("no span '" + name + "'");
}

Receiver::Receiver() : runtime_(one_loop()) {
  open_.set();
  const RemoteHandle<std::uint16_t> begun =
      spawn_on(runtime_.loop(0), [](Receiver* self) { return self->begin(); }, this);
  port_ = begun.get();
}

Receiver::~Receiver() {
  (void)runtime_.stop();
}

Task<std::uint16_t> Receiver::begin() {
  Task<io::Listener> opening = io::listen_tcp("127.0.0.1", 0);
  io::Listener listener = co_await std::move(opening);
  const std::uint16_t port = listener.port();
  const http::Handler handler = [this](http::Request request) { return serve(std::move(request)); };
  http::ServerOptions options;
  options.limits.body_bytes = std::uint64_t{64} << 20;
  spawn(http::serve, std::move(listener), handler, options);
  co_return port;
}

Task<http::Response> Receiver::serve(http::Request request) {
  {
    const std::lock_guard lock(mutex_);
    ++requests_;
    newest_ = request;
  }
  came_.notify_all();
  co_await open_.wait();
  http::Response response(200, "application/json", "{}");
  {
    const std::lock_guard lock(mutex_);
    if (!answers_.empty()) {
      response = std::move(answers_.front());
      answers_.pop_front();
    }
    try {
      require(request.method == "POST", "it is no POST");
      require(request.headers.get("content-type") == "application/json", "it is not said to be JSON");
      const std::vector<Span> spans = read_spans(request.body);
      require(!spans.empty(), "no span is in it");
      if (response.status < 300) spans_.insert(spans_.end(), spans.begin(), spans.end());
    } catch (const std::exception& error) {
      complaint_ = error.what();
      response = http::Response(400, "text/plain", complaint_);
    }
  }
  came_.notify_all();
  co_return response;
}

void Receiver::answer(http::Response response) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(std::move(response));
}

void Receiver::hold() {
  call_on(runtime_.loop(0), [](Receiver* self) { self->open_.clear(); }, this).get();
}

void Receiver::release() {
  call_on(runtime_.loop(0), [](Receiver* self) { self->open_.set(); }, this).get();
}

void Receiver::wait_for_requests(std::size_t count) {
  std::unique_lock lock(mutex_);
  came_.wait(lock, [&] { return requests_ >= count; });
}

std::vector<Span> Receiver::wait_for_spans(std::size_t count) {
  std::unique_lock lock(mutex_);
  came_.wait(lock, [&] { return spans_.size() >= count || !complaint_.empty(); });
  return spans_;
}

std::size_t Receiver::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<Span> Receiver::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

http::Request Receiver::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::string Receiver::complaint() const {
  const std::lock_guard lock(mutex_);
  return complaint_;
}

}  // namespace coterie::otlp_test
