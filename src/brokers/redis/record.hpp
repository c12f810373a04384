#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::brokers::redis {

class Reply;

/// A job as Redis keeps it: HEADER of scripts/constants.lua, read.
struct Record {
  enum Flag : std::uint16_t {
    started = 1,
    alone = 2,
    lost_before = 4,
    settled_done = 8,
    has_extras = 16,
    cancel_requested = 32,
    long_payload = 64,
    long_result = 128,
    preparing = 256,
    has_dependents = 512,
    waits_far = 2048,
    result_dropped = 4096,
  };
  queue::JobState state = queue::JobState::blocked;
  std::uint16_t flags = 0;
  std::int16_t priority = 0;
  std::uint64_t order = 0;  ///< which job of its shard it is, by creation
  std::uint64_t token = 0;
  queue::UnixMillis created_at = 0;
  queue::UnixMillis run_at = 0;
  queue::UnixMillis started_at = 0;
  queue::UnixMillis finished_at = 0;
  queue::UnixMillis expires_at = 0;
  queue::Milliseconds timeout{0};
  queue::Milliseconds result_ttl{0};
  std::uint32_t attempt = 0;
  std::uint32_t max_attempts = 0;
  std::uint32_t crashes = 0;
  std::uint32_t max_crashes = 0;
  std::uint32_t waits_for = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t result_bytes = 0;
  std::string_view payload;  ///< empty where it is a long one
  std::string_view result;

  Record() = default;
  [[nodiscard]] bool has(Flag flag) const noexcept { return (flags & flag) != 0; }
};

/// VERSION of scripts/constants.lua.
inline constexpr std::uint64_t layout_version = 3;
/// Payloads and results up to this stand in the job's own string.
inline constexpr std::size_t short_bytes = 4096;

/// Refers to `text`. UnexpectedReply where it is no job of this layout.
[[nodiscard]] Record read_record(std::string_view text);

/// How many jobs it waits for that have not ended. `far`: of them in other shards, where any are; they count
/// as one in the record.
[[nodiscard]] std::uint32_t jobs_awaited(const Record& record, std::uint32_t far);

/// A token as it stands there.
[[nodiscard]] std::string write_token(std::uint64_t token);

/// `numbers` of enqueue.lua: empty where the job is to run at once and is as most are.
[[nodiscard]] std::string write_spec(const queue::JobSpec& spec, bool more, bool is_long);
/// What stands in the record as the producer wrote it: WRITTEN, the payload, and the salt.
[[nodiscard]] std::string write_body(const queue::JobSpec& spec);
/// The backoff as settle.lua reads it.
[[nodiscard]] std::string backoff_text(const queue::Backoff& backoff);
[[nodiscard]] queue::Backoff read_backoff(const std::string& text);
/// `extras` of enqueue.lua: a backoff that is not the usual one, headers, and what another broker kept of its
/// attempts. Empty where there is none of these.
[[nodiscard]] std::string write_extras(const queue::JobSpec& spec);
/// Of the fields of x<id>. One that is damaged says so in its error.
[[nodiscard]] std::vector<queue::Attempt> read_attempts(const std::vector<Reply>& fields);
[[nodiscard]] queue::Headers read_headers(const std::string& text);

[[nodiscard]] std::string_view bytes_of(const queue::Uuid& id) noexcept;
/// UnexpectedReply where it has not 16 bytes.
[[nodiscard]] queue::Uuid uuid_of(std::string_view bytes);

}  // namespace coterie::brokers::redis
