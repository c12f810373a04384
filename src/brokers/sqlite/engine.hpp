#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/brokers/sqlite/schema.hpp"
#include "src/brokers/sqlite/statements.hpp"
#include "src/queue/clock.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

/// How a job ended, and the last settlement by a worker's token that it had.
struct Ending {
  JobState state = JobState::done;
  Decision decision = Decision::none;
  std::int64_t attempt = 0, started_at = 0, token = 0, owner = 0;
};

/// The rows of one job that its slow paths read, change and write back.
struct JobRow {
  std::int64_t job = 0;
  Uuid id;
  std::int64_t queue = 0, name = 0, state = 0, priority = 0, key = 0;
  std::int64_t attempt = 0, max_attempts = 0, crashes = 0, alone_crashes = 0, max_crashes = 0;
  std::int64_t result_ttl = 0, run_at = 0, started_at = 0, expires_at = 0, waits = 0;
  std::int64_t token = 0, owner = 0, lost = 0;
  Decision decision = Decision::none;
  Backoff backoff;

  [[nodiscard]] bool suspect() const noexcept { return is_suspect(crashes, max_crashes); }
  [[nodiscard]] bool begun() const noexcept { return attempt > 0 || crashes > 0; }
  [[nodiscard]] Ending last_settlement() const noexcept {
    return {JobState::done, decision, attempt, started_at, token, owner};
  }
};

struct LeaseRow {
  std::int64_t job = 0;
  Uuid id;
  std::int64_t token = 0, owner = 0, until = 0, flags = 0, queue = 0, attempt = 0, started_at = 0,
               result_ttl = 0;
};

/// What the broker's calls do to the tables. Plain synchronous code for one thread, the writer's; every call
/// but `begin` and `rollback` belongs between `begin` and `commit`. A call that throws BadRequest has changed
/// nothing; after anything else that it throws the transaction must be rolled back.
class Engine {
 public:
  Engine(Connection db, const Limits& limits, ClockSource clock);

  /// Waits for other processes' transactions up to the busy timeout.
  void begin();
  /// Writes what was gathered, and ends the transaction: durable when it returns.
  void commit();
  /// Forgets everything since `begin`.
  void rollback() noexcept;
  [[nodiscard]] bool in_transaction() const noexcept { return sqlite3_get_autocommit(db_) == 0; }

  std::vector<Enqueued> enqueue(const std::vector<JobSpec>& jobs);
  CycleReply cycle(const CycleRequest& request);
  std::vector<Verdict> extend(const Uuid& incarnation, const std::vector<LeaseRef>& leases,
                              Milliseconds lease_time);
  std::vector<CancelResult> cancel(const std::vector<JobId>& ids);
  std::vector<bool> retry(const std::vector<JobId>& ids);
  std::uint64_t purge(const JobFilter& filter);
  void pause(const std::string& queue, bool paused);
  std::vector<Withdrawn> withdraw(const std::vector<JobId>& ids);
  void readmit(const std::vector<JobId>& ids);
  void announce(const WorkerReport& report);
  Fleet workers();
  /// Why it was not asked; nothing: it was.
  std::optional<WorkerAnswer> ask(const Uuid& worker, const Question& question, Milliseconds at_most);
  void answer(const Uuid& worker, const Uuid& question, const WorkerAnswer& answer);
  void withdraw_question(const Uuid& question);
  bool put_note(const std::string& key, const std::optional<std::string>& expected, const std::string& value);

  /// Recovers the leases of processes that are gone, at once instead of at the next second.
  void recover_gone();
  /// Drops what processes that opened the file before it had a table of attempts left there: the attempts of
  /// jobs that they forgot. Looks at the oldest jobs that have some, up to `step_limit`; as these are the
  /// next to be forgotten, some opening comes upon each.
  void drop_orphans();
  /// At the end of a broker's life: that time went on while nothing was written is worth knowing.
  void remember_clock();
  /// Ends jobs that expired, records and ids whose time is over: at most about `budget` of them. True when
  /// there is more to do now.
  bool maintain(std::int64_t budget);

  /// For `changed()`: of the newest committed state that this engine has seen.
  [[nodiscard]] std::uint64_t version() const noexcept { return static_cast<std::uint64_t>(meta_.version); }
  /// How often there was a question or an answer, when this engine had one last.
  [[nodiscard]] std::uint64_t rung() const noexcept { return rung_; }
  /// Whether the last committed transaction wrote anything.
  [[nodiscard]] bool wrote() const noexcept { return wrote_; }
  [[nodiscard]] Connection& connection() noexcept { return db_; }
  [[nodiscard]] UnixMillis now() const noexcept { return now_; }

 private:
  struct Meta {
    std::int64_t version = 0, clock = 0, token = 0, next = 0;
  };
  struct WorkerRow {
    std::int64_t id = 0;  ///< 0: not stored yet
    std::uint64_t seq = 0;
  };
  static constexpr std::int64_t step_limit = 1000;  ///< due jobs, expired leases and the like in one call

  static constexpr std::int64_t retire_limit = 256;  ///< records to forget in one call, beside its own work

  // engine.cpp: caches and rows
  void load_meta();
  void forget_caches() noexcept;
  std::int64_t name_id(const std::string& text, bool add);
  const std::string& name_text(std::int64_t id);
  std::int64_t find_job_number(const Uuid& id);
  bool is_awaited(std::int64_t job);
  bool load_job(std::int64_t job, JobRow& row);
  void store_job(const JobRow& row);
  bool load_lease(std::int64_t job, LeaseRow& row);
  void drop_lease(const LeaseRow& row);
  void count(std::int64_t queue, JobState state, std::int64_t delta);
  void flush_counts();
  std::int64_t next_number() noexcept { return meta_.next++; }
  void bump() noexcept { ++meta_.version; }
  void touch() noexcept { changed_ = true; }

  // states.cpp: the transitions
  void to_waiting(JobRow& row);
  void leave_waiting(const JobRow& row);
  void finish(std::int64_t job, std::int64_t queue, std::int64_t result_ttl, const Ending& ending,
              const std::string* result);
  void fail(const LeaseRow& lease, const JobError& error);
  void keep_attempt(std::int64_t job, const Attempt& attempt);
  std::string worker_name(std::int64_t worker);
  void release_children();

  // settle.cpp
  Verdict settle(const LeaseRef& ref, const WorkerRow& worker, bool success, LeaseRow& lease);
  Verdict settle_done(const Done& done, const WorkerRow& worker);
  Verdict settle_failed(const Failed& failed, const WorkerRow& worker);
  Verdict extend(const Alive& alive, const WorkerRow& worker, Milliseconds lease, std::vector<JobId>& cancel);
  Verdict find_held(const LeaseRef& ref, const WorkerRow& worker, LeaseRow& lease);
  void move_deadline(const LeaseRow& lease, Milliseconds lease_time, std::int64_t flags);

  // recover.cpp
  void promote_due();
  bool expire_due(std::int64_t budget);
  void recover_expired();
  void recover(const LeaseRow& lease);
  std::int64_t min_until();

  // take.cpp
  struct Taking;
  WorkerRow find_worker(const Uuid& incarnation);
  void ensure_worker(const WorkerRef& worker, WorkerRow& row);
  void take(Taking& taking);
  bool take_lane(std::int64_t lane, const std::string& queue, bool suspects, Taking& taking);
  std::int64_t next_stream(std::int64_t lane, std::int64_t name);
  std::vector<std::int64_t> streams_of(std::int64_t lane);
  std::uint64_t count_suspects(std::int64_t queue, const Taking& taking);
  void tell_unhandled(std::int64_t queue, Taking& taking);
  std::string body(std::int64_t job);
  [[nodiscard]] std::string pack(const CycleReply& reply) const;
  CycleReply unpack(std::string_view packed, const WorkerRow& worker);

  void note_jump(Milliseconds jumped);

  // move.cpp
  void load_paused();

  // fleet.cpp
  void ring();

  // retention.cpp
  void retire_later(std::int64_t job, std::int64_t at) { retiring_[at].push_back(job); }
  void flush_retiring();
  void forget(const JobRow& row, JobState state, UnixMillis ended);
  bool retire(std::int64_t budget);
  bool retire_due(std::int64_t& budget);
  bool bury_due(std::int64_t& budget);

  Connection db_;
  Statements sql_;
  Limits limits_;
  BrokerClock clock_;
  std::mt19937_64 random_;

  // Valid while no other connection has written: `PRAGMA data_version` tells.
  std::int64_t data_version_ = -1;
  Meta meta_;
  Meta stored_;                 ///< as it is in the file
  std::int64_t min_until_ = 0;  ///< of all leases; 0: none
  bool min_until_known_ = false;
  std::optional<bool> dependencies_;  ///< whether there are any
  std::int64_t retention_at_ = 0;     ///< nothing retires before; 0: look

  UnixMillis now_ = 0;
  std::int64_t steps_ = 0;  ///< by how much the clock was set forwards, all that anybody has measured; ms
  std::optional<std::int64_t> steps_before_;  ///< the same when this engine looked last
  UnixMillis holders_checked_at_ = 0;         ///< when the holders' processes were looked for
  bool changed_ = false;  ///< in this call: something became ready, final or was asked to stop
  bool wrote_ = false;
  std::uint64_t rung_ = 0;
  std::int64_t changes_before_ = 0;  ///< SQLite's count of changed rows when the transaction began
  std::set<std::string> paused_;
  std::unordered_map<std::string, std::int64_t> name_ids_;
  std::unordered_map<std::int64_t, std::string> names_;
  std::unordered_map<std::int64_t, std::array<std::int64_t, job_state_count>> counts_;
  std::map<std::int64_t, std::int64_t> released_;  ///< child → parents that ended in this call
  std::map<std::int64_t, std::vector<std::int64_t>> retiring_;
  std::map<std::int64_t, std::vector<Uuid>> buried_;
  /// Replies that changed nothing are not stored but remembered here.
  std::unordered_map<Uuid, std::pair<std::uint64_t, CycleReply>> quiet_;
};

/// The note that holds the names of the paused queues, one a line. Nobody else can name it, for keys have no
/// control characters.
inline constexpr std::string_view paused_note = "\x01paused";
/// The one that holds Engine::steps_.
inline constexpr std::string_view steps_note = "\x01steps";
[[nodiscard]] std::set<std::string> read_paused(std::string_view note);
/// As it stands in a job's row: NULL is the default.
[[nodiscard]] Backoff read_backoff(std::string_view packed);

/// The place in the ready order: higher priorities first, then in the order of becoming ready.
[[nodiscard]] constexpr std::int64_t ready_key(std::int64_t priority, std::int64_t place) noexcept {
  return ((1000 - priority) << 52) | place;
}
[[nodiscard]] constexpr std::int64_t place_of(std::int64_t key) noexcept {
  return key & ((std::int64_t{1} << 52) - 1);
}
[[nodiscard]] constexpr std::int64_t lane_of(std::int64_t queue, bool suspect) noexcept {
  return queue * 2 + (suspect ? 1 : 0);
}

}  // namespace coterie::brokers::sqlite
