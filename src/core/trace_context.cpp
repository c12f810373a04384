#include "coterie/trace_context.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>
#include <vector>

#include "coterie/context.hpp"

namespace coterie::trace {
namespace {

// --- traceparent ------------------------------------------------------------------------------------------

constexpr std::size_t traceparent_bytes = 55;

/// Lower case only: the standard has no other.
int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

template <std::size_t Size>
bool read_hex(std::string_view text, Id<Size>& id) noexcept {
  for (std::size_t i = 0; i < Size; ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

// --- tracestate -------------------------------------------------------------------------------------------

constexpr std::size_t most_members = 32;
constexpr std::size_t most_state_bytes = 512;
constexpr std::size_t long_member_bytes = 128;

bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_key_part(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

/// `vendor`, or `tenant@vendor`.
bool is_key(std::string_view key) noexcept {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos)
    return !key.empty() && key.size() <= 256 && is_lower(key.front()) && is_key_part(key);
  const std::string_view tenant = key.substr(0, at);
  const std::string_view system = key.substr(at + 1);
  return !tenant.empty() && tenant.size() <= 241 && (is_lower(tenant.front()) || is_digit(tenant.front())) &&
         is_key_part(tenant) && !system.empty() && system.size() <= 14 && is_lower(system.front()) &&
         is_key_part(system);
}

bool is_value(std::string_view value) noexcept {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

/// As it goes on; empty where it is not well-formed.
std::string read_tracestate(std::string_view text) {
  constexpr std::string_view space = " \t";
  std::vector<std::string_view> members;
  std::size_t bytes = 0;
  while (!text.empty()) {
    std::string_view member = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), member.size() + 1));
    member.remove_prefix(std::min(member.find_first_not_of(space), member.size()));
    member = member.substr(0, member.find_last_not_of(space) + 1);
    if (member.empty()) continue;  // allowed
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || members.size() == most_members) return {};
    const std::string_view key = member.substr(0, equals);
    if (!is_key(key) || !is_value(member.substr(equals + 1))) return {};
    for (const std::string_view other : members)
      if (other.substr(0, other.find('=')) == key) return {};
    members.push_back(member);
    bytes += member.size() + (members.size() > 1 ? 1 : 0);
  }
  const auto drop = [&](std::size_t index) {
    bytes -= members[index].size() + (members.size() > 1 ? 1 : 0);
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(index));
  };
  for (std::size_t i = members.size(); i-- > 0 && bytes > most_state_bytes;)
    if (members[i].size() > long_member_bytes) drop(i);
  while (bytes > most_state_bytes) drop(members.size() - 1);
  std::string state;
  for (const std::string_view member : members) state.append(state.empty() ? "" : ",").append(member);
  return state;
}

// --- ids --------------------------------------------------------------------------------------------------

/// How often this process is a forked child, so that no thread goes on with its parent's numbers.
std::atomic<std::uint32_t> forks{0};

std::uint64_t random_bits() {
  static const int watches_forks =
      pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  (void)watches_forks;
  struct Source {
    std::uint32_t seeded_at = ~std::uint32_t{0};
    std::mt19937_64 engine;
  };
  thread_local Source source;
  const std::uint32_t now = forks.load(std::memory_order_relaxed);
  if (source.seeded_at != now) {
    std::random_device kernel;
    std::seed_seq seed{kernel(), kernel(), kernel(), kernel(), kernel(), kernel(), kernel(), kernel()};
    source.engine.seed(seed);
    source.seeded_at = now;
  }
  return source.engine();
}

template <std::size_t Size>
Id<Size> new_id() {
  Id<Size> id;
  do {
    for (std::size_t i = 0; i < Size; i += 8) {
      std::uint64_t bits = random_bits();
      for (std::size_t k = 0; k < 8; ++k, bits >>= 8) id.bytes[i + k] = static_cast<std::uint8_t>(bits);
    }
  } while (id.is_zero());
  return id;
}

// --- the current span -------------------------------------------------------------------------------------

using SharedCurrent = std::shared_ptr<const detail::Current>;

const ContextVar<SharedCurrent>& variable() {
  static const ContextVar<SharedCurrent> span("span");
  return span;
}

}  // namespace

std::string write_traceparent(const SpanContext& context) {
  return "00-" + context.trace.hex() + "-" + context.span.hex() + (context.sampled ? "-01" : "-00");
}

std::optional<SpanContext> read_traceparent(std::string_view text, std::string_view tracestate) {
  if (text.size() < traceparent_bytes) return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  Id<1> version;
  Id<1> flags;
  SpanContext context;
  if (!read_hex(text.substr(0, 2), version) || !read_hex(text.substr(3, 32), context.trace) ||
      !read_hex(text.substr(36, 16), context.span) || !read_hex(text.substr(53, 2), flags))
    return std::nullopt;
  if (version.bytes[0] == 0xFF || !context.is_valid()) return std::nullopt;
  // Later versions may have more behind another dash.
  if (text.size() > traceparent_bytes && (version.is_zero() || text[traceparent_bytes] != '-'))
    return std::nullopt;
  context.sampled = (flags.bytes[0] & 1) != 0;
  context.state = read_tracestate(tracestate);
  return context;
}

std::optional<SpanContext> current() {
  const SharedCurrent now = detail::current();
  return now ? std::optional(now->context) : std::nullopt;
}

bool join(std::string_view traceparent, std::string_view tracestate) {
  std::optional<SpanContext> context = read_traceparent(traceparent, tracestate);
  if (!context) return false;
  auto joined = std::make_shared<detail::Current>();
  joined->context = *std::move(context);
  (void)detail::exchange_current(std::move(joined));
  return true;
}

TraceId new_trace_id() {
  return new_id<16>();
}
SpanId new_span_id() {
  return new_id<8>();
}

namespace detail {

SharedCurrent current() {
  return variable().get_or(nullptr);
}

SharedCurrent exchange_current(SharedCurrent current) {
  SharedCurrent before = detail::current();
  (void)variable().set(std::move(current));
  return before;
}

}  // namespace detail
}  // namespace coterie::trace
