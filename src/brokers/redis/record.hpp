#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "coterie/queue/broker.hpp"

namespace coterie::brokers::redis {

/// A job as Redis keeps it: FORMAT of scripts/prelude.lua, read.
struct Record {
  enum Flag : std::uint16_t {
    cancel_requested = 1,
    started = 2,
    alone = 4,
    lost_before = 8,
    settled_done = 16,
    has_extras = 32,
    long_payload = 64,
    long_result = 128,
  };
  queue::JobState state = queue::JobState::blocked;
  std::uint16_t flags = 0;
  std::int16_t priority = 0;
  std::uint64_t token = 0;
  queue::UnixMillis created_at = 0;
  queue::UnixMillis run_at = 0;
  queue::UnixMillis started_at = 0;
  queue::UnixMillis finished_at = 0;
  queue::Milliseconds timeout{0};
  std::uint32_t attempt = 0;
  std::uint32_t max_attempts = 0;
  std::uint32_t crashes = 0;
  std::uint32_t waits_for = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t result_bytes = 0;
  std::string_view payload;  ///< empty where it is a long one
  std::string_view result;

  Record() = default;
  [[nodiscard]] bool has(Flag flag) const noexcept { return (flags & flag) != 0; }
};

/// Payloads and results up to this stand in the job's own string.
inline constexpr std::size_t short_bytes = 4096;

/// Refers to `text`. UnexpectedReply where it is no job of this layout.
[[nodiscard]] Record read_record(std::string_view text);

/// `numbers` of enqueue.lua.
[[nodiscard]] std::string write_spec(const queue::JobSpec& spec, bool more, bool is_long);
/// The backoff as settle.lua reads it.
[[nodiscard]] std::string backoff_text(const queue::Backoff& backoff);
/// What a job keeps of it: empty for the usual one.
[[nodiscard]] std::string write_backoff(const queue::Backoff& backoff);

[[nodiscard]] std::string_view bytes_of(const queue::Uuid& id) noexcept;
/// UnexpectedReply where it has not 16 bytes.
[[nodiscard]] queue::Uuid uuid_of(std::string_view bytes);

}  // namespace coterie::brokers::redis
