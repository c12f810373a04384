#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// Which trace the running code belongs to, and how that travels: W3C Trace Context, level 1. Spans and where
/// they go: coterie/trace/tracer.hpp.
namespace coterie::trace {

class Tracer;

/// Bytes that name something; all zero: nothing.
template <std::size_t Size>
struct Id {
  std::array<std::uint8_t, Size> bytes{};

  [[nodiscard]] bool is_zero() const noexcept { return *this == Id(); }
  /// In lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * Size);
    for (const std::uint8_t byte : bytes) text.append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    return text;
  }
  friend auto operator<=>(const Id&, const Id&) = default;
};
using TraceId = Id<16>;
using SpanId = Id<8>;

/// What of a span goes along to whoever works for it: a task, another process.
struct SpanContext {
  TraceId trace;
  SpanId span;
  bool sampled = false;  ///< its spans are recorded: who comes later shall record too
  /// The tracestate that came with it, which is others' and goes on as it is.
  std::string state;

  SpanContext() = default;
  [[nodiscard]] bool is_valid() const noexcept { return !trace.is_zero() && !span.is_zero(); }
  friend bool operator==(const SpanContext&, const SpanContext&) = default;
};

/// The names of the two headers, in HTTP as in a job.
inline constexpr std::string_view traceparent_header = "traceparent";
inline constexpr std::string_view tracestate_header = "tracestate";

/// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
[[nodiscard]] std::string write_traceparent(const SpanContext& context);
/// Nothing where `traceparent` is not as the standard has it: then a new trace is to begin. A tracestate that
/// is not is left out, and what comes of one has at most 512 bytes: long members go first, then the last.
[[nodiscard]] std::optional<SpanContext> read_traceparent(std::string_view traceparent,
                                                          std::string_view tracestate = {});

/// The span that the calling task works for; nothing outside of any trace.
[[nodiscard]] std::optional<SpanContext> current();
/// From here on the calling task, and what it spawns and enqueues, works for the span of an incoming call, of
/// which these are the headers. False, and nothing changes, where `traceparent` will not do. Records nothing
/// itself: a span of one's own under it is a trace::Span.
bool join(std::string_view traceparent, std::string_view tracestate = {});

/// Not zero, of the kernel's randomness, also in a forked child. Any thread.
[[nodiscard]] TraceId new_trace_id();
[[nodiscard]] SpanId new_span_id();

namespace detail {
/// What the context of a task holds.
struct Current {
  SpanContext context;
  std::shared_ptr<Tracer> tracer;  ///< that of the span, for those below it; null: it was joined
};
[[nodiscard]] std::shared_ptr<const Current> current();
/// Null: of no trace. Gives what it was before.
std::shared_ptr<const Current> exchange_current(std::shared_ptr<const Current> current);
}  // namespace detail

}  // namespace coterie::trace
