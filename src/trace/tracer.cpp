#include "coterie/trace/tracer.hpp"

#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace coterie::trace {
namespace {

void cut(std::string& text) {
  if (text.size() <= most_text_bytes) return;
  std::size_t end = most_text_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // at a character's end
  text.resize(end);
}

void cut(Attributes& attributes) {
  if (attributes.size() > most_attributes) attributes.resize(most_attributes);
  for (Attribute& attribute : attributes)
    if (auto* const text = std::get_if<std::string>(&attribute.value)) cut(*text);
}

double parse_part(std::string_view text) {
  if (text.empty()) return 1;
  double part = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
  if (error != std::errc() || end != text.data() + text.size() || !(part >= 0 && part <= 1))
    throw std::invalid_argument("OTEL_TRACES_SAMPLER_ARG '" + std::string(text) +
                                "': give the part of the traces to record, a number from 0 to 1");
  return part;
}

}  // namespace

void SpanData::set(Attribute attribute) {
  for (Attribute& each : attributes) {
    if (each.name != attribute.name) continue;
    each = std::move(attribute);
    return;
  }
  if (attributes.size() < most_attributes) attributes.push_back(std::move(attribute));
}

void SpanData::add_event(std::string event, Attributes of_event) {
  if (events.size() >= most_events) return;
  Event& added = events.emplace_back();
  added.name = std::move(event);
  added.time = std::chrono::system_clock::now();
  added.attributes = std::move(of_event);
}

void SpanData::fail(const std::string& type, const std::string& message, const std::string& stack) {
  failed = true;
  status = message;
  set({"error.type", type});
  Attributes what;
  what.emplace_back("exception.type", type);
  what.emplace_back("exception.message", message);
  if (!stack.empty()) what.emplace_back("exception.stacktrace", stack);
  add_event("exception", std::move(what));
}

Sampler Sampler::ratio(double part) {
  if (!(part >= 0 && part <= 1))
    throw std::invalid_argument("a sampler's part of the traces is a number from 0 to 1");
  Sampler sampler;
  sampler.part_ = part;
  return sampler;
}

Sampler Sampler::ignoring_parent() const {
  Sampler sampler = *this;
  sampler.parent_based_ = false;
  return sampler;
}

Sampler Sampler::parse(std::string_view name, std::string_view argument) {
  constexpr std::string_view parent_based = "parentbased_";
  const std::string_view root = name.starts_with(parent_based) ? name.substr(parent_based.size()) : name;
  Sampler sampler;
  if (name.empty() || root == "always_on")
    sampler = Sampler();
  else if (root == "always_off")
    sampler = ratio(0);
  else if (root == "traceidratio")
    sampler = ratio(parse_part(argument));
  else
    throw std::invalid_argument(
        "OTEL_TRACES_SAMPLER '" + std::string(name) +
        "': give always_on, always_off or traceidratio, or one of them behind 'parentbased_'");
  return name.empty() || root != name ? sampler : sampler.ignoring_parent();
}

bool Sampler::samples(const TraceId& trace, const SpanContext* parent) const noexcept {
  if (parent_based_ && parent != nullptr) return parent->sampled;
  if (part_ >= 1) return true;
  std::uint64_t drawn = 0;  // the last eight bytes, of which the standard has the first bit count for nothing
  for (std::size_t i = 8; i < 16; ++i) drawn = drawn << 8 | trace.bytes[i];
  return drawn >> 1 < static_cast<std::uint64_t>(part_ * 0x1p63);
}

Tracer::Tracer(std::shared_ptr<SpanSink> sink, Sampler sampler) : sink_(std::move(sink)), sampler_(sampler) {
  if (!sink_)
    throw std::invalid_argument("a tracer needs a sink for its spans, and was given a null pointer");
}

Tracer::Begun Tracer::begin(std::string name, SpanKind kind, const SpanContext* parent) const {
  if (parent != nullptr && !parent->is_valid()) parent = nullptr;
  Begun begun;
  SpanContext& context = begun.context;
  context.trace = parent != nullptr ? parent->trace : new_trace_id();
  context.span = new_span_id();
  context.sampled = sampler_.samples(context.trace, parent);
  if (parent != nullptr) context.state = parent->state;
  if (!context.sampled) return begun;
  begun.data = std::make_unique<SpanData>();
  begun.data->context = context;
  if (parent != nullptr) begun.data->parent = parent->span;
  begun.data->name = std::move(name);
  begun.data->kind = kind;
  begun.data->start = std::chrono::system_clock::now();
  return begun;
}

void Tracer::end(std::unique_ptr<SpanData> span) const noexcept {
  if (!span) return;
  if (span->end == Time()) span->end = std::chrono::system_clock::now();
  cut(span->name);
  cut(span->status);
  cut(span->attributes);
  for (Event& event : span->events) cut(event.attributes);
  sink_->add(std::move(*span));
}

Span::Span(const std::shared_ptr<Tracer>& tracer, std::string name, SpanKind kind) {
  if (!tracer) return;
  const std::shared_ptr<const detail::Current> parent = detail::current();
  begin(tracer, std::move(name), kind, parent ? &parent->context : nullptr);
}

Span::Span(const std::shared_ptr<Tracer>& tracer, std::string name, SpanKind kind,
           const std::optional<SpanContext>& parent) {
  if (tracer) begin(tracer, std::move(name), kind, parent ? &*parent : nullptr);
}

void Span::begin(const std::shared_ptr<Tracer>& tracer, std::string name, SpanKind kind,
                 const SpanContext* parent) {
  Tracer::Begun begun = tracer->begin(std::move(name), kind, parent);
  auto current = std::make_shared<detail::Current>();
  current->context = std::move(begun.context);
  current->tracer = tracer;
  current_ = std::move(current);
  data_ = std::move(begun.data);
  before_ = detail::exchange_current(current_);
}

SpanContext Span::context() const {
  return current_ ? current_->context : SpanContext();
}

Span& Span::set(Attribute attribute) {
  if (data_) data_->set(std::move(attribute));
  return *this;
}

void Span::add_event(std::string event, Attributes of_event) {
  if (data_) data_->add_event(std::move(event), std::move(of_event));
}

void Span::fail(const std::string& type, const std::string& message) {
  if (data_) data_->fail(type, message);
}

void Span::end() noexcept {
  if (!current_) return;
  try {
    // In another context, as where a frame is destroyed from outside, there is nothing to put back.
    if (detail::current() == current_) (void)detail::exchange_current(std::move(before_));
  } catch (...) {
    // No memory: its end is told nevertheless.
  }
  const std::shared_ptr<const detail::Current> ended = std::exchange(current_, nullptr);
  ended->tracer->end(std::move(data_));
}

}  // namespace coterie::trace
