#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coterie/trace/span.hpp"

namespace coterie::trace {

/// Which traces are recorded, decided where they begin and, unless it ignores the parent, kept to by all that
/// come later. (OpenTelemetry's standard samplers)
class Sampler {
 public:
  /// All, or those whose parent says so.
  Sampler() = default;
  /// `part` of the traces that begin here, 0…1: by their id, so that whoever takes the same part takes the
  /// same traces.
  [[nodiscard]] static Sampler ratio(double part);
  /// The same whatever the parent says.
  [[nodiscard]] Sampler ignoring_parent() const;

  /// OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG: always_on, always_off, traceidratio, and each behind
  /// "parentbased_". Empty: parentbased_always_on. std::invalid_argument, naming the variable.
  [[nodiscard]] static Sampler parse(std::string_view name, std::string_view argument = {});

  [[nodiscard]] bool samples(const TraceId& trace, const SpanContext* parent) const noexcept;

 private:
  double part_ = 1;
  bool parent_based_ = true;
};

/// Makes spans and sends those that are recorded to a sink when they have ended. Any thread.
///
/// What works inside of a span, its tasks, the jobs that it enqueues and their runs, finds the span in its
/// context (see current()), and its tracer too: only who begins traces needs to be given one.
class Tracer : public std::enable_shared_from_this<Tracer> {
 public:
  /// std::invalid_argument where `sink` is null.
  explicit Tracer(std::shared_ptr<SpanSink> sink, Sampler sampler = Sampler());
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  /// What a new span is: its context, and its data where it is recorded. `parent` null: a trace begins.
  struct Begun {
    SpanContext context;
    std::unique_ptr<SpanData> data;
  };
  [[nodiscard]] Begun begin(std::string name, SpanKind kind, const SpanContext* parent) const;
  /// It has ended, now where `span.end` was not set.
  void end(std::unique_ptr<SpanData> span) const noexcept;

 private:
  std::shared_ptr<SpanSink> sink_;
  Sampler sampler_;
};

/// A span around some work of a task: the current one from its making to its end.
///
///     trace::Span order(tracer, "POST /orders", trace::SpanKind::server, trace::read_traceparent(header));
///     co_await client.enqueue("mail", args);   // the job's trace is this one
///
/// A local variable: it ends with its block, in the task that made it, and such blocks are nested. Where
/// `tracer` is null it does nothing.
class Span {
 public:
  /// A child of the current span; where there is none, a trace begins.
  Span(const std::shared_ptr<Tracer>& tracer, std::string name, SpanKind kind = SpanKind::internal);
  /// A child of an incoming call's span; nothing: a trace begins.
  Span(const std::shared_ptr<Tracer>& tracer, std::string name, SpanKind kind,
       const std::optional<SpanContext>& parent);
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;
  ~Span() { end(); }

  /// All zero where there is no tracer.
  [[nodiscard]] SpanContext context() const;
  /// Somebody will see what is told of it.
  [[nodiscard]] bool is_recorded() const noexcept { return data_ != nullptr; }
  Span& set(Attribute attribute);
  void add_event(std::string event, Attributes of_event = {});
  void fail(const std::string& type, const std::string& message);
  /// Before its block's end. Idempotent.
  void end() noexcept;

 private:
  void begin(const std::shared_ptr<Tracer>& tracer, std::string name, SpanKind kind,
             const SpanContext* parent);
  std::shared_ptr<const detail::Current> current_;
  std::shared_ptr<const detail::Current> before_;
  std::unique_ptr<SpanData> data_;
};

}  // namespace coterie::trace
