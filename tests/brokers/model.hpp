#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace broker_suite {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace)

/// What the contract says a broker must do, as plainly as it can be written: a map of jobs, every step a look
/// at all of them. It shares nothing with any broker. Where the contract leaves a choice (which of several
/// jobs that became ready in one call comes first) the model takes the broker's word and checks that it was
/// allowed.
class Model {
 public:
  struct Job {
    JobSpec spec;
    std::uint64_t order = 0;
    JobState state = JobState::blocked;
    UnixMillis run_at = 0;
    UnixMillis lease_until = 0;
    std::uint64_t token = 0;
    Uuid owner;
    std::uint32_t attempt = 0;
    std::uint32_t crashes = 0;
    std::uint32_t alone_crashes = 0;
    std::uint64_t became_ready = 0;  ///< number of the call that made it ready
    std::set<JobId> waits_for;
    bool started = false;
    bool alone = false;
    bool cancel_requested = false;
    std::uint64_t settled_token = 0;
    bool settled_done = false;
    std::string result;

    [[nodiscard]] bool is_suspect() const { return spec.max_crashes != 0 && crashes >= 2; }
    [[nodiscard]] bool may_expire() const { return spec.expires_at != 0 && attempt == 0 && crashes == 0; }
  };

  /// `global_order`: what comes first holds for the whole queue.
  explicit Model(bool global_order) : global_order_(global_order) {}

  /// Each call of a broker has its twin here: given the same input at the same time, it says what the reply
  /// must be, or for a cycle what is wrong with the reply (nothing: all is well).
  std::vector<Enqueued> enqueue(const std::vector<JobSpec>& jobs, UnixMillis now);
  std::optional<std::string> cycle(const CycleRequest& request, const CycleReply& reply, UnixMillis now);
  std::vector<Verdict> extend(const Uuid& worker, const std::vector<LeaseRef>& leases, Milliseconds lease,
                              UnixMillis now);
  CancelResult cancel(const JobId& id, UnixMillis now);
  bool retry(const JobId& id, UnixMillis now);
  /// The ids that a purge may forget; tell `forget` which it did.
  [[nodiscard]] std::vector<JobId> purgeable(const JobFilter& filter) const;
  void forget(const JobId& id);

  /// What is wrong with the broker's description of a job, or with there being none.
  std::optional<std::string> compare(const JobId& id, const std::optional<JobInfo>& info, UnixMillis now);
  [[nodiscard]] std::map<std::string, std::map<JobState, std::uint64_t>> counts() const;
  /// Of one state, or all.
  [[nodiscard]] std::vector<JobId> in_order(std::optional<JobState> state = std::nullopt) const;

  [[nodiscard]] const std::map<JobId, Job>& jobs() const { return jobs_; }
  [[nodiscard]] const std::set<JobId>& forgotten() const { return forgotten_; }
  /// Whether the last call did anything that somebody may wait for.
  [[nodiscard]] bool changed() const { return changed_; }
  /// Every edge of the state chart that was walked.
  [[nodiscard]] const std::set<std::pair<JobState, JobState>>& edges() const { return edges_; }

 private:
  void begin(UnixMillis now);
  void move(Job& job, JobState state);
  void run_or_wait(Job& job, UnixMillis at);
  void finish(const JobId& id, JobState state);
  Verdict done(const CycleRequest& request, const Done& done);
  Verdict failed(const CycleRequest& request, const Failed& failed);
  Verdict alive(const CycleRequest& request, const Alive& alive, std::vector<JobId>& cancel);
  Verdict keep(const Uuid& worker, const LeaseRef& lease, Milliseconds time);
  void promote();
  void recover();
  static bool may_take(const CycleRequest& request, const Job& job);
  std::optional<std::string> check_leases(const CycleRequest& request, const CycleReply& reply);
  std::optional<std::string> check_lease(const CycleRequest& request, const Lease& lease);

  const bool global_order_;
  std::map<JobId, Job> jobs_;
  std::set<JobId> forgotten_;
  std::uint64_t last_order_ = 0;
  std::uint64_t calls_ = 0;
  UnixMillis now_ = 0;
  bool changed_ = false;
  std::set<std::pair<JobState, JobState>> edges_;
};

}  // namespace broker_suite
