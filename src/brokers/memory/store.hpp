#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/brokers/memory/record.hpp"
#include "src/brokers/memory/switchboard.hpp"
#include "src/brokers/memory/timer_heap.hpp"
#include "src/queue/clock.hpp"

namespace coterie::brokers::memory {

using queue::BrokerClock;
using queue::Limits;

/// The memory broker without its coroutines: plain calls, from any thread, each atomic under one mutex.
///
/// Where a job is decides which structure holds it, and `enter`/`leave` are the only code that says so:
///
///     state       held by                            its time in that heap
///     blocked     the edges of what it waits for     —
///     scheduled   due_                               run_at, or expires_at if that is earlier
///     ready       a line of its stream               due_, only where it may expire
///     leased      leases_                            the lease's deadline
///     final       endings_                           the end + result_ttl, when it is forgotten
class Store {
 public:
  explicit Store(queue::ClockSource clock);

  std::vector<queue::Enqueued> enqueue(std::vector<queue::JobSpec>&& jobs, const Limits& limits);
  queue::CycleReply cycle(queue::CycleRequest&& request, const Limits& limits);
  std::vector<Verdict> extend(const queue::Uuid& worker, const std::vector<LeaseRef>& leases,
                              Milliseconds lease);
  std::vector<queue::CancelResult> cancel(const std::vector<JobId>& ids);
  std::vector<bool> retry(const std::vector<JobId>& ids);

  std::vector<std::optional<queue::JobInfo>> get(const std::vector<JobId>& ids, bool bodies);
  /// Looks at `scan_step` jobs at most, so that nobody waits long: an unfinished page has `next` set and
  /// fewer jobs than asked for.
  queue::JobPage list_step(const queue::JobFilter& filter);
  std::vector<queue::JobInfo> recently_ended(std::size_t limit);
  std::vector<queue::QueueInfo> queues();
  /// Forgets what matches among the next `scan_step` jobs; moves `filter.after` on, to 0 at the end.
  std::uint64_t purge_step(queue::JobFilter& filter);

  void pause(std::string&& queue);
  void resume(const std::string& queue);
  std::vector<std::string> paused();
  queue::JobLinks links(const JobId& id, std::size_t most);
  std::vector<std::optional<queue::JobExport>> export_jobs(const std::vector<JobId>& ids, bool payloads);
  std::vector<queue::Withdrawn> withdraw(const std::vector<JobId>& ids);
  void readmit(const std::vector<JobId>& ids);

  std::optional<std::string> get_note(const std::string& key);
  bool put_note(std::string&& key, const std::optional<std::string>& expected, std::string&& value);

  [[nodiscard]] Switchboard& switchboard() noexcept { return switchboard_; }
  UnixMillis now();

  std::uint64_t version();
  /// Calls `wake` once, without the lock and on whichever thread makes the change, as soon as the version is
  /// not `seen` any more, and returns a number for `unsubscribe`. Where it is not already: returns 0 and
  /// never calls.
  std::uint64_t subscribe(std::uint64_t seen, std::function<void()> wake);
  /// `wake` may be running at this moment on another thread, or still run once.
  void unsubscribe(std::uint64_t subscription);

  static constexpr std::size_t scan_step = 4096;

 private:
  struct Edge {
    Slot dependent;
    std::uint32_t generation;
    std::uint32_t next;
  };
  /// A line and the job at its front.
  struct Front {
    Line* line;
    Slot slot;
  };
  struct Tomb {
    UnixMillis until;
    JobId id;
    bool operator>(const Tomb& other) const { return until > other.until; }
  };
  class Session;  // the lock, the time, and the wake-ups at the end

  // store.cpp: the structures
  std::uint32_t queue_index(const std::string& name);
  Queue* find_queue(const std::string& name);
  /// From which jobs may be given out.
  Queue* find_running_queue(const std::string& name);
  Record* find(const JobId& id, Slot* slot = nullptr);
  Record* find(const LeaseRef& lease, Slot& slot);
  [[nodiscard]] bool remembers(const JobId& id) const;
  void enter(Slot slot, JobState state);
  void leave(Slot slot);
  void forget(Slot slot);
  [[nodiscard]] UnixMillis without_steps() const noexcept { return now_ - steps_.count(); }
  void trim(std::size_t steps);

  // store_enqueue.cpp
  void check_dependencies(const std::vector<queue::JobSpec>& jobs) const;
  [[nodiscard]] bool can_be_awaited(const JobId& id) const;
  void create(Slot slot, queue::JobSpec&& job);
  void wait_for(Slot slot, std::vector<JobId>&& after);

  // store_settle.cpp: what becomes of a job
  void make_runnable(Slot slot, UnixMillis at);
  void finish(Slot slot, JobState state);
  void release_dependents(Record& record);
  Verdict settle_done(const Worker& worker, queue::Done& done);
  Verdict settle_failed(const Worker& worker, const queue::Failed& failed, const Limits& limits);
  Verdict extend(const Worker& worker, const queue::Alive& alive, Milliseconds lease,
                 std::vector<JobId>& cancel);
  void recover(Slot slot);
  double random();

  // store_cycle.cpp
  std::shared_ptr<Worker> worker_of(const queue::WorkerRef& ref);
  void promote();
  void recover_expired();
  void recover_vanished();
  void reserve(const std::shared_ptr<Worker>& worker, const queue::CycleRequest& request,
               queue::CycleReply& reply);
  void line_up(Queue& queue, const queue::CycleRequest& request, Line Stream::* line);
  Front* first_in_line();
  queue::Lease lease_out(Slot slot, const std::shared_ptr<Worker>& worker, Milliseconds lease, bool alone);
  [[nodiscard]] queue::Lease describe_lease(Slot slot) const;
  void repeat(const Worker& worker, queue::CycleReply& reply);
  void finish_reply(const queue::CycleRequest& request, queue::CycleReply& reply);
  void trim_workers();

  // store_move.cpp
  [[nodiscard]] queue::JobExport export_job(const Record& record, bool payloads) const;
  [[nodiscard]] const Record* waiting_at(std::uint32_t edge) const;
  [[nodiscard]] bool is_awaited(const Record& record) const;

  // store_query.cpp
  [[nodiscard]] queue::JobInfo describe(const Record& record, bool bodies) const;
  [[nodiscard]] bool matches(const Record& record, const queue::JobFilter& filter) const;
  void compact_order();

  std::mutex mutex_;
  BrokerClock clock_;
  UnixMillis now_ = 0;
  /// By how much the clock was set forwards, all in all. `endings_` and tombs count without it, lest a step
  /// forgets what has only just ended.
  Milliseconds steps_{0};
  bool changed_ = false;  // within a session: somebody must be woken
  std::uint64_t version_ = 1;
  std::uint64_t next_subscription_ = 1;
  std::map<std::uint64_t, std::function<void()>> subscriptions_;

  Pool pool_;
  std::unordered_map<JobId, Slot> ids_;
  std::vector<std::pair<std::uint64_t, Slot>> order_;  // by creation; no_slot: forgotten
  std::size_t forgotten_ = 0;
  std::uint64_t last_order_ = 0;
  std::uint64_t last_place_ = 0;
  std::uint64_t last_token_ = 0;

  std::vector<Edge> edges_;
  std::uint32_t free_edge_ = no_slot;

  std::vector<std::unique_ptr<Queue>> queues_;  // by index; null: free
  std::unordered_map<std::string, std::uint32_t> queue_names_;
  std::set<std::string> paused_;

  std::vector<Front> fronts_;  // of the call that reserves, so that it need not allocate

  TimerHeap due_;
  TimerHeap leases_;
  TimerHeap endings_;

  std::unordered_map<JobId, UnixMillis> tombs_;
  std::unordered_set<JobId> withdrawn_;  ///< of tombs_
  std::priority_queue<Tomb, std::vector<Tomb>, std::greater<>> tomb_times_;

  std::unordered_map<queue::Uuid, std::shared_ptr<Worker>> workers_;
  std::string own_process_;
  bool somebody_elsewhere_ = false;
  UnixMillis processes_checked_at_ = 0;
  UnixMillis workers_trimmed_at_ = 0;

  std::map<std::string, std::string> notes_;
  Switchboard switchboard_;
  std::uint64_t random_state_;
};

/// Holds the store's lock for one call and knows what time it is; wakes whoever waits when the call has
/// changed something, after the lock is free.
class Store::Session {
 public:
  explicit Session(Store& store);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

 private:
  Store& store_;
  std::unique_lock<std::mutex> lock_;
};

}  // namespace coterie::brokers::memory
