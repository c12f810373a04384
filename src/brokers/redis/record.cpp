#include "src/brokers/redis/record.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "src/brokers/redis/reply.hpp"
#include "src/queue/headers.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::redis {
namespace {

constexpr std::size_t token_bytes = 6;

/// Numbers one after the other, little-endian but for tokens.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{byte(i)} << (8 * i);
    at_ += bytes;
    return value;
  }
  std::uint64_t token() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < token_bytes; ++i) value = value << 8 | byte(i);
    at_ += token_bytes;
    return value;
  }
  queue::UnixMillis time() { return static_cast<queue::UnixMillis>(number(6)); }
  std::uint32_t small(std::size_t bytes) { return static_cast<std::uint32_t>(number(bytes)); }
  void skip(std::size_t bytes) { at_ += bytes; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }

 private:
  [[nodiscard]] unsigned char byte(std::size_t i) const { return static_cast<unsigned char>(text_[at_ + i]); }

  std::string_view text_;
  std::size_t at_ = 0;
};

void append(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

constexpr std::size_t header_bytes =
    4 + 6 + 6 + 4 + 3 + 6 + 16 + 6 + 3 * 3 + 4 * 6 + 2 * 3 + 6 + 2 + 6 + 3 + 2 + 4;
static_assert(header_bytes == 113);
/// Of what a producer says, before the payload.
constexpr std::size_t written_bytes = 23;
/// What there is room for; nothing crashes as often.
constexpr std::uint32_t most_crashes = 0xff'ff;

static_assert(queue::attempts_kept == 10, "ATTEMPTS of constants.lua, and a digit in a field's name");

// ATTEMPT_HEADER, then the message. No text that a broker keeps has a NUL.
std::string write_attempt(const queue::Attempt& attempt) {
  std::string out;
  append(out, attempt.number, 3);
  append(out, static_cast<std::uint64_t>(attempt.started_at), 6);
  append(out, static_cast<std::uint64_t>(attempt.ended_at), 6);
  out.append(attempt.worker).push_back('\0');
  out.append(attempt.error.type).push_back('\0');
  return out.append(attempt.error.message);
}

/// One that is cut short says so in its error, and hides neither the others nor its job.
queue::Attempt read_attempt(std::string_view text) {
  constexpr std::size_t numbers = 3 + 6 + 6;
  queue::Attempt attempt;
  attempt.number = 0;
  attempt.error = queue::JobError("damaged", "what Redis holds of this attempt is cut short");
  const std::size_t worker_end = text.find('\0', numbers);
  if (worker_end == std::string_view::npos) return attempt;
  const std::size_t type_end = text.find('\0', worker_end + 1);
  if (type_end == std::string_view::npos) return attempt;
  Reader in(text);
  attempt.number = in.small(3);
  attempt.started_at = in.time();
  attempt.ended_at = in.time();
  attempt.worker = text.substr(numbers, worker_end - numbers);
  attempt.error = queue::JobError(std::string(text.substr(worker_end + 1, type_end - worker_end - 1)),
                                  std::string(text.substr(type_end + 1)));
  return attempt;
}

bool is_usual(const queue::Backoff& backoff) {
  const queue::Backoff usual;
  return backoff.base == usual.base && backoff.factor == usual.factor && backoff.cap == usual.cap &&
         backoff.jitter == usual.jitter;
}

}  // namespace

Record read_record(std::string_view text) {
  Reader in(text);
  if (text.size() < header_bytes || in.number(1) != layout_version)
    throw UnexpectedReply("Redis holds a job that is damaged, or of another version of coterie");
  Record record;
  record.state = static_cast<queue::JobState>(in.number(1));
  record.flags = static_cast<std::uint16_t>(in.number(2));
  (void)in.token();  // settled
  record.finished_at = in.time();
  record.result_bytes = in.small(4);
  record.attempt = in.small(3);
  record.started_at = in.time();
  in.skip(16);  // owner
  record.token = in.token();
  record.crashes = in.small(3);
  in.skip(3);  // crashes alone
  record.waits_for = in.small(3);
  record.order = in.number(6);
  record.created_at = in.time();
  record.run_at = in.time();
  record.expires_at = in.time();
  in.skip(3 + 3);  // numbers of queue and handler
  record.result_ttl = queue::Milliseconds(in.time());
  record.priority = static_cast<std::int16_t>(in.number(2));
  record.timeout = queue::Milliseconds(in.time());
  record.max_attempts = in.small(3);
  record.max_crashes = in.small(2);
  record.payload_bytes = in.small(4);
  const std::string_view tail = in.rest();
  const std::size_t payload = record.has(Record::long_payload) ? 0 : record.payload_bytes;
  const std::size_t result = record.has(Record::long_result) ? 0 : record.result_bytes;
  if (tail.size() != payload + result + 1)
    throw UnexpectedReply("Redis holds a job that is damaged: its length is not what it says");
  record.payload = tail.substr(0, payload);
  record.result = tail.substr(payload, result);
  return record;
}

std::uint32_t jobs_awaited(const Record& record, std::uint32_t far) {
  if (record.state != queue::JobState::blocked) return 0;
  return record.has(Record::waits_far) && far > 0 ? record.waits_for - 1 + far : record.waits_for;
}

std::string write_token(std::uint64_t token) {
  std::string out;
  for (std::size_t i = token_bytes; i-- > 0;) out.push_back(static_cast<char>(token >> (8 * i)));
  return out;
}

std::string write_spec(const queue::JobSpec& spec, bool more, bool is_long) {
  std::string out;
  const bool usual = spec.delay.count() == 0 && spec.run_at == 0 && spec.expires_at == 0 &&
                     is_usual(spec.backoff) && spec.headers.empty() && spec.attempts.empty() &&
                     spec.after.empty() && !more && !is_long;
  if (usual) return out;
  out.reserve(3 * 6 + 2);
  append(out, static_cast<std::uint64_t>(spec.delay.count()), 6);
  append(out, static_cast<std::uint64_t>(spec.run_at), 6);
  append(out, static_cast<std::uint64_t>(spec.expires_at), 6);
  append(out, more ? 1 : 0, 1);
  append(out, is_long ? 1 : 0, 1);
  return out;
}

std::string write_body(const queue::JobSpec& spec) {
  std::string out;
  out.reserve(written_bytes + spec.payload.size() + 1);
  append(out, static_cast<std::uint64_t>(spec.result_ttl.count()), 6);
  append(out, static_cast<std::uint16_t>(static_cast<std::int16_t>(spec.priority)), 2);
  append(out, static_cast<std::uint64_t>(spec.timeout.count()), 6);
  append(out, spec.max_attempts, 3);
  append(out, std::min(spec.max_crashes, most_crashes), 2);
  append(out, spec.payload.size(), 4);
  out.append(spec.payload).push_back(bytes_of(spec.id).back());
  return out;
}

std::string backoff_text(const queue::Backoff& backoff) {
  char text[128];
  std::snprintf(text, sizeof text, "%lld %.17g %lld %.17g", static_cast<long long>(backoff.base.count()),
                backoff.factor, static_cast<long long>(backoff.cap.count()), backoff.jitter);
  return text;
}

std::string write_extras(const queue::JobSpec& spec) {
  std::string out;
  const auto field = [&out](std::string_view name, const std::string& value) {
    append(out, name.size(), 1);
    out.append(name);
    append(out, value.size(), 4);
    out.append(value);
  };
  if (!is_usual(spec.backoff)) field("b", backoff_text(spec.backoff));
  if (!spec.headers.empty()) field("h", queue::pack_headers(spec.headers));
  if (spec.attempts.empty()) return out;
  field("e", spec.attempts.back().error.type);
  field("m", spec.attempts.back().error.message);
  field("a", std::to_string(spec.attempts.size()) + " 0");  // no token of this broker's
  for (std::size_t i = 0; i < spec.attempts.size(); ++i)
    field("a" + std::to_string(i), write_attempt(spec.attempts[i]));
  return out;
}

std::vector<queue::Attempt> read_attempts(const std::vector<Reply>& fields) {
  std::uint64_t count = 0;
  std::array<const std::string*, queue::attempts_kept> places{};
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string& name = fields[i].string();
    const std::string& value = fields[i + 1].string();
    if (name == "a") std::from_chars(value.data(), value.data() + value.size(), count);
    if (name.size() == 2 && name[0] == 'a' && name[1] >= '0' && name[1] <= '9')
      places[name[1] - '0'] = &value;
  }
  std::vector<queue::Attempt> attempts;
  for (std::uint64_t i = count - std::min<std::uint64_t>(count, places.size()); i < count; ++i)
    if (const std::string* const text = places[i % places.size()]) attempts.push_back(read_attempt(*text));
  return attempts;
}

queue::Headers read_headers(const std::string& text) {
  try {
    return queue::unpack_headers(text);
  } catch (const std::runtime_error& error) {
    throw UnexpectedReply(std::string("Redis holds a job that is damaged: ") + error.what());
  }
}

queue::Backoff read_backoff(const std::string& text) {
  queue::Backoff backoff;
  long long base = 0;
  long long cap = 0;
  if (std::sscanf(text.c_str(), "%lld %lg %lld %lg", &base, &backoff.factor, &cap, &backoff.jitter) != 4)
    throw UnexpectedReply("Redis holds a job that is damaged: '" + text + "' is no backoff");
  backoff.base = queue::Milliseconds(base);
  backoff.cap = queue::Milliseconds(cap);
  return backoff;
}

std::string_view bytes_of(const queue::Uuid& id) noexcept {
  return {reinterpret_cast<const char*>(&id), sizeof id};
}

queue::Uuid uuid_of(std::string_view bytes) {
  queue::Uuid id;
  if (bytes.size() != sizeof id)
    throw UnexpectedReply("Redis gave an id of " + std::to_string(bytes.size()) +
                          " bytes where 16 were expected");
  std::memcpy(static_cast<void*>(&id), bytes.data(), sizeof id);
  return id;
}

}  // namespace coterie::brokers::redis
