#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/id.hpp"
#include "coterie/queue/job.hpp"

/// The workers of a queue as the broker knows them, and what can be asked of one.
namespace coterie::queue {

/// Who is asking. `process` lets a broker on the same machine see that the holder of a lease is gone; see
/// `this_process()`. It may be empty, and then only the lease's deadline tells.
struct WorkerRef {
  std::string name;  ///< for people: host and pid by default
  Uuid incarnation;  ///< new in every start of a worker
  std::string process;
  WorkerRef() = default;
};

/// What a worker says of itself: when it begins, when it ends, and in between within `every`.
struct WorkerReport {
  WorkerRef worker;
  std::string version;              ///< of Coterie
  std::vector<std::string> queues;  ///< that it takes from, first served first
  std::uint32_t handlers = 0;       ///< names that it can run
  std::uint32_t concurrency = 0;
  std::uint32_t holds = 0;  ///< leases, at that moment
  Milliseconds lease{30'000};
  Milliseconds every{10'000};  ///< it will be heard of again within so long: see `announce_every()`
  bool answers = true;         ///< false: it is not to be asked
  bool ends = false;           ///< this is the last that is heard of it
  WorkerReport() = default;
};

/// How often a worker that holds `holds` jobs says that it is there: a third of its lease, as often as it
/// beats, and a second at least; three leases where it holds none, for there are many of those and nothing
/// depends on them.
[[nodiscard]] Milliseconds announce_every(Milliseconds lease, std::uint32_t holds) noexcept;
/// A worker that was not heard of for so long is `lost`: two thirds of a lease, and a second, longer than it
/// said.
[[nodiscard]] Milliseconds silent_for(const WorkerReport& report) noexcept;

enum class WorkerState : std::uint8_t {
  alive,
  lost,   ///< not heard of for `silent_for()`, or its process is gone
  ended,  ///< it said so
};
[[nodiscard]] std::string_view to_string(WorkerState state) noexcept;

struct WorkerInfo {
  WorkerReport report;  ///< the newest
  WorkerState state = WorkerState::alive;
  UnixMillis started_at = 0;
  UnixMillis heard_at = 0;
  WorkerInfo() = default;
};

/// Workers that `Broker::workers()` gives at most, and how long one that is gone stays among them.
inline constexpr std::size_t most_workers = 1000;
inline constexpr Milliseconds gone_known_for{std::chrono::hours(1)};

struct Fleet {
  std::vector<WorkerInfo> workers;  ///< those that live first; then who was heard of last
  bool more = false;                ///< there are more than `most_workers`: these were heard of last
  Fleet() = default;
};

/// Something that a worker is asked.
struct Question {
  Uuid id;
  std::string text;
  Question() = default;
  Question(const Uuid& its, std::string asked) : id(its), text(std::move(asked)) {}
};

/// What became of a question.
enum class Asked : std::uint8_t {
  answered,
  cut,      ///< the answer was longer than `answer_bytes`: this is a part of it, made so by the worker
  refused,  ///< by the worker; the text says why. Also one that is too old to know the question
  silent,   ///< no answer in time: it is cut off, or everything in it stands still
  lost,     ///< nobody was asked: see WorkerState
  ended,
  unknown,  ///< no worker has announced itself by this incarnation (any more)
};
[[nodiscard]] std::string_view to_string(Asked outcome) noexcept;

struct WorkerAnswer {
  Asked outcome = Asked::silent;
  std::string text;
  WorkerAnswer() = default;
  explicit WorkerAnswer(Asked what, std::string said = "") : outcome(what), text(std::move(said)) {}
};

inline constexpr std::size_t question_bytes = 4096;
inline constexpr std::size_t answer_bytes = std::size_t{256} << 10;
/// Questions that wait for one worker; the next is refused.
inline constexpr std::size_t most_questions = 16;
/// For how long anybody waits for an answer, at most.
inline constexpr Milliseconds longest_wait{std::chrono::minutes(1)};

}  // namespace coterie::queue
