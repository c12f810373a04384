#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/headers.hpp"
#include "coterie/queue/id.hpp"

namespace coterie::queue {

using Milliseconds = std::chrono::milliseconds;

/// The broker's wall clock: milliseconds since 1970 in UTC. Never a client's: brokers stamp what they store.
using UnixMillis = std::int64_t;

/// Where a job is. Between two broker calls every id that has not expired from the store is in exactly one.
///
///                      enqueue
///        ┌────────────────┼─────────────────┐
///        ▼                ▼                 ▼
///    blocked ─────▶   scheduled ──────▶   ready ◀───────────────┐
///        │  all final     │    due      │    ▲                  │
///        │                │             │    │ given back       │ retry (after its backoff: scheduled)
///        │ cancel         │ cancel      ▼    │ lease expired    │
///        ├────────────────┴───────▶   leased ──────────────────┘
///        ▼                              │
///    cancelled ◀── cancel confirmed ────┼──▶ done       the handler returned
///                                       ├──▶ dead       no attempts left, a permanent error, quarantine
///    ready/scheduled ── too late ───────┴──▶ expired    not started before `expires_at`
///
/// `dead` and `cancelled` jobs can be retried by hand, which makes them `ready` again. `throttled` is kept
/// for limits: a ready job whose queue or lane may not run more just now.
enum class JobState : std::uint8_t {
  blocked = 0,    ///< waits until every job in `after` is final
  scheduled = 1,  ///< waits for its time: a delay, or the backoff before a retry
  ready = 2,      ///< may be taken now
  throttled = 3,  ///< may run, but a limit forbids it at the moment
  leased = 4,     ///< a worker has it until the lease's deadline
  done = 5,       ///< final: succeeded; the result is kept for `result_ttl`
  dead = 6,       ///< final: failed for good
  cancelled = 7,  ///< final: cancelled before or while it ran
  expired = 8,    ///< final: nobody started it in time
};
inline constexpr int job_state_count = 9;

[[nodiscard]] constexpr bool is_final(JobState state) noexcept {
  return state >= JobState::done;
}
[[nodiscard]] std::string_view to_string(JobState state) noexcept;
[[nodiscard]] std::optional<JobState> parse_job_state(std::string_view text) noexcept;

/// How long to wait before attempt n+1: `base * factor^(n-1)`, at most `cap`, of which the last
/// `jitter` part (0…1) is drawn at random so that jobs that failed together do not return together.
struct Backoff {
  Milliseconds base{1000};
  double factor = 2.0;
  Milliseconds cap{std::chrono::hours(1)};
  double jitter = 0.5;

  Backoff() = default;
  /// The delay after the attempt numbered `attempt` (from 1) failed; `random` is uniform in [0, 1).
  [[nodiscard]] Milliseconds delay_after(std::uint32_t attempt, double random) const noexcept;
};

/// Limits on everything that comes from outside. A broker checks them before its first write and refuses
/// with `BadRequest`, which names the field, its size and the limit.
struct Limits {
  std::size_t payload_bytes = std::size_t{1} << 20;  ///< a job's payload
  std::size_t result_bytes = std::size_t{1} << 20;   ///< a job's result
  std::size_t error_bytes = std::size_t{64} << 10;   ///< longer error texts are cut, never refused
  std::size_t name_bytes = 255;                      ///< queue and handler names
  std::size_t headers = 32;                          ///< of one job
  std::size_t header_bytes = std::size_t{8} << 10;   ///< their names and values together
  std::size_t batch_jobs = 100'000;                  ///< jobs in one enqueue, ids in one query
  std::size_t dependencies = 1'000'000;              ///< `after` of one job
  std::uint32_t attempts = 1'000'000;

  Limits() = default;
};

/// Why an attempt ended badly, as it is kept.
struct JobError {
  std::string
      type;  ///< a short word to group by: "exception", "timeout", "exit", "crash", "unknown handler"…
  std::string message;  ///< for people
  /// The coroutines that it came out of, a line each, see ThrownIn::str(); a broker keeps it at the end of
  /// the message, so what it gives back has none.
  std::string stack;
  JobError() = default;
  JobError(std::string error_type, std::string text)
      : type(std::move(error_type)), message(std::move(text)) {}
  /// Message and stack, as they are kept and shown.
  [[nodiscard]] std::string text() const { return message + stack; }
};

/// A run that did not succeed, as it is kept with its job.
struct Attempt {
  std::uint32_t number = 1;   ///< as in its lease; the next one has it again where this one did not count
  UnixMillis started_at = 0;  ///< when its worker got it
  UnixMillis ended_at = 0;
  std::string worker;
  /// Of text beyond 1,024 bytes the beginning, which then ends with " … (cut)"; without the coroutines.
  JobError error;

  Attempt() = default;
};

/// What a producer says about a job. Everything but `name` has a default.
struct JobSpec {
  JobId id;                        ///< nil: the client gives it a new version 7 id
  std::string queue = "default";   ///< 1 to 255 bytes of printable UTF-8
  std::string name;                ///< of the handler
  std::string payload = "null";    ///< JSON text; the core never looks inside
  int priority = 0;                ///< -1000…1000; higher runs first, equals in order of their becoming ready
  Milliseconds delay{0};           ///< not before now + delay; never negative
  UnixMillis run_at = 0;           ///< not before this time; 0: now. With `delay`, the later of both counts
  UnixMillis expires_at = 0;       ///< not begun by then: `expired`; 0: never. A retry or a crash has begun
  std::uint32_t max_attempts = 4;  ///< the first run and its retries; at least 1
  Backoff backoff;
  Milliseconds timeout{0};  ///< of one attempt: its coroutine is cancelled then; 0: none
  /// How long result and record are kept after the end. `enqueue` knows the id for at least 24 h.
  Milliseconds result_ttl{std::chrono::hours(24)};
  /// Crashes of the whole worker while this job ran alone in it, after which the job is `dead`. 0: never, and
  /// it never has to run alone.
  std::uint32_t max_crashes = 3;
  /// `blocked` until all of these are final, however they ended; one that is retried later holds nobody up
  /// again.
  std::vector<JobId> after;
  Headers headers;  ///< kept as long as the job, and not changed
  /// What another broker kept of it, see JobInfo: for whoever brings a job from there. At most 10.
  std::vector<Attempt> attempts;

  JobSpec() = default;
  explicit JobSpec(std::string job_name, std::string json = "null")
      : name(std::move(job_name)), payload(std::move(json)) {}
};

/// One job as the broker knows it, for people and tools.
struct JobInfo {
  JobId id;
  std::string queue;
  std::string name;
  JobState state = JobState::ready;
  int priority = 0;
  std::uint32_t attempt = 0;  ///< runs begun, less those given back and those lost with their worker
  std::uint32_t max_attempts = 1;
  std::uint32_t crashes = 0;  ///< workers that died while they ran it
  UnixMillis created_at = 0;
  UnixMillis run_at = 0;        ///< when it may run (next)
  UnixMillis started_at = 0;    ///< of the newest attempt; 0: never
  UnixMillis finished_at = 0;   ///< 0: not final
  UnixMillis lease_until = 0;   ///< 0: not leased
  std::string worker;           ///< who has it, or had it last
  std::uint32_t waits_for = 0;  ///< jobs in `after` that are not final yet
  bool cancel_requested = false;
  double progress = 0;  ///< 0…1
  std::string progress_note;
  Headers headers;
  std::string payload;            ///< only where `bodies` was asked for
  std::string result;             ///< only where `bodies` was asked for, and until its TTL has run out
  std::optional<JobError> error;  ///< of the newest failed attempt
  /// Only where `bodies` was asked for: of those that did not succeed the newest 10, the oldest first. A
  /// retry by hand keeps them.
  std::vector<Attempt> attempts;

  JobInfo() = default;
};

}  // namespace coterie::queue
