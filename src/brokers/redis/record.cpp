#include "src/brokers/redis/record.hpp"

#include <cstdio>
#include <cstring>

#include "src/brokers/redis/reply.hpp"

namespace coterie::brokers::redis {
namespace {

/// Little-endian numbers one after the other.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value |= std::uint64_t{static_cast<unsigned char>(text_[at_ + i])} << (8 * i);
    at_ += bytes;
    return value;
  }
  queue::UnixMillis time() { return static_cast<queue::UnixMillis>(number(6)); }
  std::uint32_t small(std::size_t bytes) { return static_cast<std::uint32_t>(number(bytes)); }
  void skip(std::size_t bytes) { at_ += bytes; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

void append(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

constexpr std::size_t header_bytes = 14 + 10 * 6 + 4 * 3 + 4 * 4 + 16;
constexpr std::uint64_t layout = 1;

}  // namespace

Record read_record(std::string_view text) {
  Reader in(text);
  if (text.size() < header_bytes || in.number(1) != layout)
    throw UnexpectedReply("Redis holds a job that is damaged, or of another version of coterie");
  Record record;
  record.state = static_cast<queue::JobState>(in.number(1));
  record.flags = static_cast<std::uint16_t>(in.number(2));
  record.priority = static_cast<std::int16_t>(in.number(2));
  in.skip(4 + 4 + 6);  // numbers of queue and handler, order
  record.token = in.number(6);
  in.skip(6);  // settled
  record.created_at = in.time();
  record.run_at = in.time();
  in.skip(6);  // expires
  record.started_at = in.time();
  record.finished_at = in.time();
  record.timeout = queue::Milliseconds(in.time());
  in.skip(6);  // ttl
  record.attempt = in.small(3);
  record.max_attempts = in.small(3);
  record.crashes = in.small(3);
  in.skip(3 + 4);  // crashes alone, and at most
  record.waits_for = in.small(4);
  record.payload_bytes = in.small(4);
  record.result_bytes = in.small(4);
  in.skip(16);  // owner
  const std::string_view tail = in.rest();
  const std::size_t payload = record.has(Record::long_payload) ? 0 : record.payload_bytes;
  const std::size_t result = record.has(Record::long_result) ? 0 : record.result_bytes;
  if (tail.size() != payload + result)
    throw UnexpectedReply("Redis holds a job that is damaged: its length is not what it says");
  record.payload = tail.substr(0, payload);
  record.result = tail.substr(payload);
  return record;
}

std::string write_spec(const queue::JobSpec& spec, bool more, bool is_long) {
  std::string out;
  out.reserve(2 + 6 * 5 + 3 + 4 + 2);
  append(out, static_cast<std::uint16_t>(static_cast<std::int16_t>(spec.priority)), 2);
  append(out, static_cast<std::uint64_t>(spec.delay.count()), 6);
  append(out, static_cast<std::uint64_t>(spec.run_at), 6);
  append(out, static_cast<std::uint64_t>(spec.expires_at), 6);
  append(out, spec.max_attempts, 3);
  append(out, static_cast<std::uint64_t>(spec.timeout.count()), 6);
  append(out, static_cast<std::uint64_t>(spec.result_ttl.count()), 6);
  append(out, spec.max_crashes, 4);
  append(out, more ? 1 : 0, 1);
  append(out, is_long ? 1 : 0, 1);
  return out;
}

std::string backoff_text(const queue::Backoff& backoff) {
  char text[128];
  std::snprintf(text, sizeof text, "%lld %.17g %lld %.17g", static_cast<long long>(backoff.base.count()),
                backoff.factor, static_cast<long long>(backoff.cap.count()), backoff.jitter);
  return text;
}

std::string write_backoff(const queue::Backoff& backoff) {
  const queue::Backoff usual;
  if (backoff.base == usual.base && backoff.factor == usual.factor && backoff.cap == usual.cap &&
      backoff.jitter == usual.jitter)
    return {};
  return backoff_text(backoff);
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
