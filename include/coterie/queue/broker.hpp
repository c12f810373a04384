#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/errors.hpp"
#include "coterie/queue/fleet.hpp"
#include "coterie/queue/job.hpp"
#include "coterie/task.hpp"

namespace coterie::queue {

/// What became of one entry of a batch. The lease's token decides, not its deadline: as long as nobody has
/// recovered the job, a late acknowledgement is as good as any.
enum class Verdict : std::uint8_t {
  accepted,          ///< this call did it
  already_accepted,  ///< the job's newest lease was settled in this way (done, failed), by this token and
                     ///< this incarnation; nothing changed
  fenced,            ///< the lease is no longer yours: another attempt has it, or it was decided otherwise
  unknown,           ///< no such job (any more)
};
[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;

/// Which lease an acknowledgement speaks for. The broker accepts it only if `token` is the one in its own
/// record and the calling incarnation is the lease's owner. `token` grows with each lease of a job, so a
/// handler may hand it to other stores as a fence: see JobContext::fence() for how far.
struct LeaseRef {
  JobId id;
  std::uint64_t token = 0;
  std::uint64_t hint = 0;  ///< the broker's own shortcut to its record; never trusted

  LeaseRef() = default;
  LeaseRef(JobId job, std::uint64_t fence, std::uint64_t where) : id(job), token(fence), hint(where) {}
};

/// The handler returned.
struct Done {
  LeaseRef lease;
  std::string result;  ///< JSON text
  Done() = default;
  Done(LeaseRef ref, std::string json) : lease(ref), result(std::move(json)) {}
};

/// What shall become of a job whose attempt did not succeed.
enum class FailKind : std::uint8_t {
  retry,      ///< counts as an attempt: runs again after its backoff, or `dead` when none is left
  dead,       ///< a permanent error: no retry
  cancelled,  ///< it was cancelled and has cleaned up
  give_back,  ///< not its fault (drain, unknown handler): the attempt does not count; ready after `delay`
};

struct Failed {
  LeaseRef lease;
  FailKind kind = FailKind::retry;
  JobError error;
  Milliseconds delay{-1};  ///< before it may run again; negative: the job's own backoff (give_back: at once)
  Failed() = default;
  Failed(LeaseRef ref, FailKind what, JobError why) : lease(ref), kind(what), error(std::move(why)) {}
};

/// Still held: extends the lease.
struct Alive {
  LeaseRef lease;
  bool started = true;   ///< its handler has begun: from now on a crash of the worker counts
  double progress = -1;  ///< negative: unchanged
  std::string note;      ///< replaces the note when progress is given; beyond 1,024 bytes it is cut
  Alive() = default;
  explicit Alive(LeaseRef ref) : lease(ref) {}
};

struct CycleRequest {
  WorkerRef worker;
  std::uint64_t seq = 0;  ///< 1, 2, 3…: a call that got no reply is repeated with the same number and content
  std::vector<std::string> queues;  ///< to take from, first served first
  /// The handlers that the worker has, sorted, each once: jobs of other names are left to others. Empty: any.
  std::vector<std::string> names;
  std::uint32_t want = 0;                             ///< how many jobs at most
  std::uint64_t max_bytes = std::uint64_t{16} << 20;  ///< of payload in the reply; the first job always fits
  Milliseconds lease{30'000};                         ///< for what is taken and what is alive
  bool alone = false;  ///< nothing else runs in this worker: it may be given one suspect
  std::vector<Done> done;
  std::vector<Failed> failed;
  std::vector<Alive> alive;
  CycleRequest() = default;
};

/// A job taken, with all that running it needs.
struct Lease {
  LeaseRef ref;
  std::string queue;
  std::string name;
  std::string payload;
  int priority = 0;
  std::uint32_t attempt = 1;  ///< which run this is
  std::uint32_t max_attempts = 1;
  Milliseconds timeout{0};
  bool alone = false;  ///< a suspect: report it started before running it, and run nothing beside it
  /// An earlier lease of this attempt was lost with its worker, before or after it was reported started:
  /// report it started before running it. Else a job that kills its worker at once would never be counted a
  /// crash.
  bool lost_before = false;
  UnixMillis created_at = 0;
  UnixMillis run_at = 0;  ///< since when it could run
  Headers headers;
  Lease() = default;
};

struct CycleReply {
  std::vector<Verdict> done;  ///< one for each of the request's, in order
  std::vector<Verdict> failed;
  std::vector<Verdict> alive;
  std::vector<JobId> cancel;  ///< of `alive`: somebody asked to cancel these
  std::vector<Lease> leases;
  UnixMillis now = 0;  ///< the broker's clock
  UnixMillis next_due =
      0;  ///< the earliest time at which any job becomes due or expires, or a lease does; 0: none
  std::uint64_t suspects = 0;  ///< jobs of these queues and names that wait for a worker to ask `alone`
  /// Some of the names (up to 16) that `names` leaves out and that ready jobs of these queues have. Told only
  /// where the request got less than it wanted, and not when it is repeated.
  std::vector<std::string> unhandled;
  std::uint64_t version = 0;  ///< for `changed()`
  bool repeated = false;      ///< the stored reply to the same `seq`, less the leases that were lost since
  CycleReply() = default;
};

enum class Enqueued : std::uint8_t {
  created,
  exists,  ///< the id is known already, also when that job ended within the last 24 h: nothing changed
};

struct JobFilter {
  std::optional<JobState> state;
  std::string queue;  ///< empty: any
  std::string name;   ///< empty: any
  /// The job that was created last comes first. Jobs that are created while one pages through come before the
  /// first page then, and are not seen. `purge` begins with the oldest of a state, whatever this says.
  bool newest_first = false;
  /// The cursor of the last page, in the same order; 0: from the start.
  std::uint64_t after = 0;
  std::uint32_t limit = 100;
  /// After about so many jobs that were looked at the page ends, also where it is not full: what a page costs
  /// is bounded, however few jobs match. 0: it looks until the page is full.
  std::uint32_t looks = 0;
  bool bodies = false;  ///< payloads, results and failed attempts too
  JobFilter() = default;
};

struct JobPage {
  /// In order of their creation, or the reverse; of several shards, nearly (docs/scaling.md).
  std::vector<JobInfo> jobs;
  std::uint64_t next = 0;    ///< pass it as `after`; 0: this was the last page
  std::uint64_t looked = 0;  ///< jobs that were looked at, these among them
  JobPage() = default;
};

struct QueueInfo {
  std::string name;
  std::map<JobState, std::uint64_t> counts;  ///< exact
  UnixMillis oldest_ready_at = 0;            ///< since when its longest waiting ready job could run; 0: none
  QueueInfo() = default;
};

enum class CancelResult : std::uint8_t {
  cancelled,  ///< it will never run, or never again: it is in state `cancelled` now, or was before this call
  requested,  ///< it runs: its worker is told, its coroutine cancelled
  final,      ///< too late: it ended otherwise
  unknown,
};
[[nodiscard]] std::string_view to_string(CancelResult result) noexcept;

/// A job as another broker has to be told of it, so that it goes on there from where it is here.
struct JobExport {
  /// `run_at` is when it may run next, `max_attempts` what is left of them, `expires_at` 0 once it has begun,
  /// and `after` empty: see `dependents`.
  JobSpec spec;
  JobState state = JobState::ready;
  std::vector<JobId> dependents;  ///< `blocked` jobs that wait for this one; some may have ended meanwhile
  std::uint64_t waits_for = 0;    ///< jobs that have not ended and that this one waits for
  JobExport() = default;
};

/// Which jobs a job waits for, and which wait for it.
struct JobLinks {
  std::vector<JobId> waits_for;  ///< that have not ended
  std::uint64_t waits_for_count = 0;
  std::vector<JobId> dependents;  ///< `blocked` ones; some may have been cancelled meanwhile
  std::uint64_t dependents_count = 0;
  bool bounded = false;  ///< not all that it waits for were looked for: it may wait for others, too
  JobLinks() = default;
};

enum class Withdrawn : std::uint8_t {
  withdrawn,  ///< by this call
  leased,     ///< it runs: nothing changed
  final,      ///< it has ended: nothing changed
  unknown,    ///< no such job (any more): a withdrawal whose reply was lost was applied
  awaited,    ///< a `blocked` job waits for it here: nothing changed
};

/// The store of a queue, in batches. One instance serves many workers and clients; every call may be made
/// from any event loop of the process, and each `Task` runs on the loop that awaits it.
///
/// Guarantees, the same for every broker and tested by one suite (tests/brokers):
///  * A call is atomic: it is applied as a whole or not at all, and what it replied is durable by the
///    broker's setting when it returns. On Redis that holds for each 64 jobs or ids (and 256 KiB) of a call:
///    one that is cut short may have been applied in part, and repeating it does the rest. Over several
///    shards (`?shards=`) priorities and order hold in each of them: docs/scaling.md.
///  * A reply may be lost after the call was applied. Every call may be repeated: `enqueue` is idempotent by
///    id, `cycle` by (incarnation, seq), the others by nature.
///  * Requests are validated before the first write: `BadRequest` means that nothing changed.
///  * Cancelling a call while it waits leaves open whether it was applied; repeating it tells.
///  * Names of queues, handlers and workers are UTF-8 without control characters. Errors and progress notes
///  are
///    stored as valid UTF-8, with U+FFFD for what was not.
///  * Time never goes backwards; where the wall clock is set forwards, leases and what is kept move with it.
class Broker {
 public:
  Broker() = default;
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  virtual ~Broker() = default;

  /// The URL that it was opened with, without secrets.
  [[nodiscard]] virtual std::string url() const = 0;
  [[nodiscard]] virtual const Limits& limits() const noexcept = 0;

  /// Adds jobs, all or none (on Redis: of each 64). Ids must be set. A job in `after` must be known (an ended
  /// one for as long as its id is) and not withdrawn, or stand earlier in the batch; that of a job which
  /// `exists` is not looked at.
  virtual Task<std::vector<Enqueued>> enqueue(std::vector<JobSpec> jobs) = 0;

  /// A worker's whole conversation in one call, in this order: repeat of a known `seq` → the stored reply;
  /// acknowledge `done`, apply `failed`, extend `alive`; promote what is due; recover what
  /// has expired or whose process is gone; reserve up to `want` jobs of these `names`, by priority, then in
  /// the order in which they became ready. What that costs grows with the number of names, and not with the
  /// jobs of other names that stand before. A `seq` lower than the last one is refused with `BadRequest`.
  ///
  /// Recovery makes a job `ready` again, behind its equals, and takes back the attempt: what a worker's death
  /// costs is counted in `crashes`, and only for a lease that was reported `started`. A job with two crashes
  /// is a *suspect*, unless its `max_crashes` is 0: it is given out only to a request with `alone`, before
  /// any other job and as the only lease of the reply; crashes while alone count towards `max_crashes`, at
  /// which the job is `dead` with the error type "quarantine".
  ///
  /// A job whose cancel was requested does not run again: where its lease expires, or its attempt is given
  /// back or would be retried, it is `cancelled`. Its `done` still counts.
  virtual Task<CycleReply> cycle(CycleRequest request) = 0;

  /// Moves the deadlines of these leases to `lease` from now, where `worker` (an incarnation) still holds
  /// them. Nothing else: it has no `seq`, reports nothing started and asks for nothing. For whoever must keep
  /// a worker's leases while its own `cycle` cannot be made, or is under way: it does not disturb that one,
  /// and may be repeated. For each lease, in order: `accepted`, `fenced` or `unknown`.
  virtual Task<std::vector<Verdict>> extend(Uuid worker, std::vector<LeaseRef> leases,
                                            Milliseconds lease) = 0;

  /// Returns when jobs may have become ready, a job was scheduled before all others, became final, or a
  /// cancel was requested since `version` was current, or after `at_most`. May return early; the caller looks
  /// again. Other processes' changes count.
  virtual Task<std::uint64_t> changed(std::uint64_t version, Milliseconds at_most) = 0;
  /// The same for a worker, by its incarnation, that has nothing else to do: it may sleep through what is not
  /// for it. For a job that several can run at least one of them returns. `version`: of its last cycle.
  virtual Task<std::uint64_t> changed_for([[maybe_unused]] Uuid worker, std::uint64_t version,
                                          Milliseconds at_most) {
    return changed(version, at_most);
  }
  /// The version now, without waiting.
  virtual Task<std::uint64_t> version() = 0;

  /// In the order of `ids`; nothing where there is no such job.
  virtual Task<std::vector<std::optional<JobInfo>>> get(std::vector<JobId> ids, bool bodies) = 0;
  virtual Task<JobPage> list(JobFilter filter) = 0;
  /// A sample of the jobs that ended last, up to `limit` (100 at most), the latest end first: for figures of
  /// what goes on now. Of jobs that are kept for other times than most (`result_ttl`) some may be missing.
  virtual Task<std::vector<JobInfo>> recently_ended(std::uint32_t limit) = 0;
  virtual Task<std::vector<QueueInfo>> queues() = 0;

  virtual Task<std::vector<CancelResult>> cancel(std::vector<JobId> ids) = 0;
  /// `dead`, `cancelled` and `expired` jobs become `ready` with all their attempts again; false for any
  /// other. Their `expires_at` and `after` count no more. A suspect stays one, but its crashes while alone
  /// count anew.
  virtual Task<std::vector<bool>> retry(std::vector<JobId> ids) = 0;
  /// Forgets up to `filter.limit` final jobs that match, their results too; returns how many. Their ids stay
  /// known to `enqueue` for 24 h after they ended.
  virtual Task<std::uint64_t> purge(JobFilter filter) = 0;

  /// No `cycle` is given jobs of a paused queue, until it is resumed; all else goes on: its jobs are
  /// accepted, become due, expire, can be cancelled, and those that run end. Kept like a job, and also where
  /// the queue has no jobs. Both may be repeated. At most 1,000 queues are paused at a time.
  virtual Task<void> pause(std::string queue) = 0;
  virtual Task<void> resume(std::string queue) = 0;
  /// The paused queues, by name.
  virtual Task<std::vector<std::string>> paused() = 0;

  /// Up to `most` of each, for people; empty for a job that is not known or has ended. On Redis what a job
  /// waits for is looked for among the 20,000 jobs of its shard that were enqueued before it.
  virtual Task<JobLinks> links(JobId id, std::uint32_t most) = 0;

  /// For taking jobs to another broker: enqueue what this gives there, then `withdraw` here. Nothing where
  /// there is no such job, where it has ended, and where its enqueueing is not complete. In the order of
  /// `ids`; without `payloads` the specs have none, and no attempts.
  virtual Task<std::vector<std::optional<JobExport>>> export_jobs(std::vector<JobId> ids, bool payloads) = 0;
  /// Jobs that wait (blocked, scheduled, ready) are gone, as if they had been cancelled and purged: `enqueue`
  /// knows their ids for 24 h, and refuses jobs that are to wait for them. One that others wait for is taken
  /// only behind these: they stand before it in `ids`, or were withdrawn before. Repeating a call that was
  /// cut short gives `unknown` for what it has withdrawn. In the order of `ids`.
  virtual Task<std::vector<Withdrawn>> withdraw(std::vector<JobId> ids) = 0;
  /// The reverse, for jobs that come back: `enqueue` takes these ids again. Those that it knows for another
  /// reason than `withdraw` it still knows.
  virtual Task<void> readmit(std::vector<JobId> ids) = 0;

  /// A small named value beside the jobs (a run's manifest, a schedule's last tick). `put_note` writes only
  /// if the present value is `expected` (nothing: absent) and says whether the note has `value` now: true
  /// also where it had it before, so that a call whose reply was lost can be repeated. Callers of whom one
  /// shall win therefore write values that differ. Key ≤ 255 bytes, value ≤ 64 KiB.
  virtual Task<std::optional<std::string>> get_note(std::string key) = 0;
  virtual Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value) = 0;

  /// A worker says that it is there; the newest report counts. What it says of its end stays.
  virtual Task<void> announce(WorkerReport report) = 0;
  /// The workers that announce themselves, also those that have nothing to do, and those that were heard of
  /// within `gone_known_for`.
  virtual Task<Fleet> workers() = 0;
  /// Asks a worker, and waits for its answer, for `at_most` (1 ms to a minute): then the question is gone.
  /// It is told at once; nothing that runs there is disturbed, and it may be asked while all its slots are
  /// taken. Which questions it knows, docs/dashboard.md says. Text of 1 to 4,096 bytes.
  virtual Task<WorkerAnswer> ask(Uuid worker, std::string question, Milliseconds at_most) = 0;
  /// For a worker, by the broker through which it announces itself: what it is asked, as soon as there is
  /// anything, or nothing after `at_most`. Each question
  /// comes again until it was answered, or nobody waits for the answer any more.
  virtual Task<std::vector<Question>> questions(Uuid worker, Milliseconds at_most) = 0;
  /// `outcome`: answered, cut or refused. At most `answer_bytes`. Nothing happens where nobody waits for it.
  virtual Task<void> answer(Uuid worker, Uuid question, WorkerAnswer answer) = 0;

  /// What whoever works on it should know, and what is no reason to refuse it (a server that keeps nothing):
  /// one line each, the thing and the cure. An instance says it once: a second call gives nothing.
  virtual Task<std::vector<std::string>> warnings();

  /// fsyncs (or their like) so far, for benchmarks; 0 where there are none.
  [[nodiscard]] virtual std::uint64_t sync_count() const noexcept { return 0; }
};

/// Settings of `open_broker`; each can also stand in the URL's query,
/// `sqlite:///var/jobs.db?synchronous=normal`.
struct BrokerOptions {
  Limits limits;
  BrokerOptions() = default;
};

/// `memory://[name]`: in this process, gone with it; the same name is the same store.
/// `sqlite://path[?synchronous=full|normal|off&busy_timeout_ms=5000]`: a file; several processes may share
/// it.
/// `redis://[user[:password]@]host[:port][/db]`: a server, across machines; `rediss://`, `redis+unix://`,
/// `redis+sentinel://` and `redis+cluster://` lead to it in other ways. These and their options:
/// docs/redis.md. Throws `BadBroker` where the URL or the store will not do, and `BrokerUnavailable` where it
/// cannot be reached now.
[[nodiscard]] std::shared_ptr<Broker> open_broker(std::string_view url, const BrokerOptions& options = {});

/// Names this process so that others on the same machine can tell whether it still lives: boot, pid
/// namespace, pid, start time.
[[nodiscard]] std::string this_process();
/// False only when the process that made `identity` is known to be gone; true when in doubt (another machine,
/// another namespace).
[[nodiscard]] bool may_be_alive(const std::string& identity);

}  // namespace coterie::queue
