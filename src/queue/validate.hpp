#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"

/// The one place that says what a request may hold. Every broker calls the function of its call before it
/// touches its store, so the same bad input gets the same words everywhere. All of these throw BadRequest
/// with the field, its size and the limit, and change nothing. What only the store can know (does a job in
/// `after` exist, is a `seq` too low) has its message here too, so that brokers agree on it.
namespace coterie::queue {

inline constexpr int priority_min = -1000;
inline constexpr int priority_max = 1000;
inline constexpr std::size_t note_key_bytes = 255;
inline constexpr std::size_t note_value_bytes = std::size_t{64} << 10;
inline constexpr std::size_t progress_note_bytes = 1024;  ///< longer ones are cut
inline constexpr std::size_t attempts_kept = 10;          ///< of a job, of those that did not succeed
inline constexpr std::size_t attempt_error_bytes = 1024;  ///< of each; longer texts are cut
inline constexpr std::size_t queues_per_cycle = 1024;
inline constexpr std::size_t names_per_cycle = 1024;
inline constexpr std::size_t paused_queues = 1000;
/// How many of the names that nobody here handles a reply tells.
inline constexpr std::size_t unhandled_told = 16;
/// The longest delay, backoff, timeout or TTL, and the longest lease.
inline constexpr Milliseconds duration_max{std::chrono::hours(24 * 366 * 100)};
inline constexpr Milliseconds lease_max{std::chrono::hours(24)};
/// For how long after a job has ended `enqueue` knows its id, whatever became of the record.
inline constexpr Milliseconds id_known_for{std::chrono::hours(24)};
/// Whether a job runs alone from now on: it was running when two workers died, and is one that may be blamed.
[[nodiscard]] constexpr bool is_suspect(std::int64_t crashes, std::int64_t max_crashes) noexcept {
  return max_crashes > 0 && crashes >= 2;
}
/// What an export says of a job that has used `attempt` of `most`.
[[nodiscard]] constexpr std::uint32_t attempts_left(std::uint32_t attempt, std::uint32_t most) noexcept {
  return attempt < most ? most - attempt : 1;
}

/// What `enqueue` accepts. The same id twice in a batch is fine: the second one `exists`.
void validate_enqueue(const std::vector<JobSpec>& jobs, const Limits& limits);
void validate_cycle(const CycleRequest& request, const Limits& limits);
void validate_extend(const Uuid& worker, const std::vector<LeaseRef>& leases, Milliseconds lease,
                     const Limits& limits);
/// Of Broker::recently_ended.
void validate_sample(std::uint32_t limit);
void validate_filter(const JobFilter& filter, const Limits& limits);
/// For pause and resume.
void validate_queue(std::string_view queue, const Limits& limits);
/// For every call that is given nothing but ids.
void validate_ids(const std::vector<JobId>& ids, const Limits& limits);
void validate_note_key(std::string_view key);
void validate_note(std::string_view key, const std::optional<std::string>& expected, std::string_view value);

void validate_report(const WorkerReport& report, const Limits& limits);
void validate_question(const Uuid& worker, std::string_view question, Milliseconds at_most);
void validate_answer(const Uuid& worker, const Uuid& question, const WorkerAnswer& answer);

/// A job in `after` that the broker does not know and that does not stand earlier in the batch.
[[noreturn]] void refuse_unknown_dependency(std::size_t index, const JobSpec& job, const JobId& missing);
/// `paused_queues` are paused already.
[[noreturn]] void refuse_pause(std::string_view queue);
/// A `seq` lower than the last one of that incarnation.
[[noreturn]] void refuse_old_seq(std::uint64_t seq, std::uint64_t last);

/// Well-formed UTF-8 (no surrogates, no overlong forms) without control characters (below U+0020,
/// U+007F…U+009F).
[[nodiscard]] bool is_printable_utf8(std::string_view text) noexcept;

/// Text from a program's output or an exception as a broker may keep it: what is not UTF-8 and NUL becomes
/// U+FFFD, and what is beyond `limit` bytes is cut at a character's end.
[[nodiscard]] std::string clean_text(std::string_view text, std::size_t limit);
/// Type and message of an error, cleaned and cut to `limits`.
[[nodiscard]] JobError clean_error(const JobError& error, const Limits& limits);
/// The same as it is kept of each attempt: without the stack, cut to `attempt_error_bytes`, and it says so.
[[nodiscard]] JobError brief_error(const JobError& error, const Limits& limits);
/// What another broker accepts of the attempts that a store holds, for an export: times, numbers and texts
/// that are beyond the usual limits are cut to these.
[[nodiscard]] std::vector<Attempt> portable_attempts(std::vector<Attempt> attempts);
/// Of an attempt that ended with its worker. `quarantined_after`: so many died while they ran nothing else,
/// and the job is dead for it; 0: it is not.
[[nodiscard]] JobError lost_error(std::string_view worker, std::uint64_t quarantined_after);

}  // namespace coterie::queue
