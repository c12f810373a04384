#pragma once
// The checker of a simulated queue. It sees what reached the broker and what came back, what handlers did,
// and what producers were told; it shares no code with any broker or worker.
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/queue/context.hpp"
#include "src/queue/beat.hpp"
#include "src/queue/clock.hpp"

namespace coterie::simulation {

/// The history of one world: a line for each event where somebody wants to read it, and the first thing that
/// was wrong.
class Story {
 public:
  explicit Story(bool told) : told_(told) {}
  [[nodiscard]] bool told() const noexcept { return told_; }
  void add(const std::string& line) {
    if (told_) text_ += line + "\n";
  }
  void wrong(const std::string& what) {
    if (problem_.empty()) problem_ = what;
    add("!! " + what);
  }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  bool told_;
  std::string text_;
  std::string problem_;
};

/// A simulated job's id: its number, in the last bytes.
[[nodiscard]] queue::JobId id_of(std::uint32_t number);
[[nodiscard]] std::string name_of(const queue::JobId& id);

/// Counts of what a world went through: one in which nothing went wrong proves little.
struct Tally {
  std::uint64_t leases = 0;
  std::uint64_t recovered = 0;
  std::uint64_t fenced = 0;
  std::uint64_t repeated = 0;
  std::uint64_t refused_old = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t given_back = 0;
  std::uint64_t overlaps = 0;
  std::uint64_t awaited = 0;  ///< jobs that became ready under the eyes of a free worker

  Tally& operator+=(const Tally& other) {
    leases += other.leases;
    recovered += other.recovered;
    fenced += other.fenced;
    repeated += other.repeated;
    refused_old += other.refused_old;
    quarantined += other.quarantined;
    given_back += other.given_back;
    overlaps += other.overlaps;
    awaited += other.awaited;
    return *this;
  }
};

/// What may be said of each job, by what was seen of it. Every call of the broker is entered at the moment
/// when it is applied; whatever contradicts the contract is told to the story.
class Ledger {
 public:
  /// `punctual`: the clock is not set and the loop not blocked, so that lateness can be judged.
  Ledger(Story& story, bool punctual, queue::Milliseconds lease)
      : story_(story), punctual_(punctual), poll_every_(queue::looks_every(lease)) {}

  /// Before each call of the store: what its clock shows.
  void tick(const queue::ClockReading& reading);

  // --- ledger.cpp: calls as the broker applied them
  // ---------------------------------------------------------
  void enqueued(const std::vector<queue::JobSpec>& jobs, const std::vector<queue::Enqueued>& verdicts);
  void cycled(const queue::CycleRequest& request, const queue::CycleReply& reply);
  void refused_old(const queue::CycleRequest& request);
  void cancelled(const std::vector<queue::JobId>& ids, const std::vector<queue::CancelResult>& results);
  void retried(const std::vector<queue::JobId>& ids, const std::vector<bool>& results);

  // --- ledger_people.cpp: workers, producers, the end
  // -------------------------------------------------------
  /// A worker's process begins; it holds at most `concurrency` jobs.
  void life_began(const std::string& life, std::uint32_t concurrency);
  /// It is gone, with its handlers, or takes no more jobs.
  void life_over(const std::string& life, bool with_its_runs);
  /// The reply has reached it.
  void answered(const std::string& life, const queue::CycleRequest& request, const queue::CycleReply& reply);
  /// It could not hear or speak just now; nor can it before `until` (ms of elapsed time).
  void disturbed(const std::string& life, double until);
  void run_began(const std::string& life, const queue::JobContext& job);
  void run_ended(const std::string& life, const queue::JobContext& job);
  void run_returned(const queue::JobContext& job, const std::string& result);
  /// A worker that was drained has said all it knew.
  void left_nothing(const std::string& life);
  void confirmed(const std::vector<queue::JobId>& ids);
  /// A producer that waited undisturbed since `since` has been told the end of `id`.
  void told_the_end(const queue::JobInfo& info, double since);
  void finally(const queue::JobId& id, const std::optional<queue::JobInfo>& info);

  [[nodiscard]] std::size_t open() const;
  [[nodiscard]] std::string open_jobs() const;
  [[nodiscard]] std::vector<queue::JobId> known() const;
  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  void set_time(double elapsed_ms) noexcept { elapsed_ = elapsed_ms; }

 private:
  enum class Phase : std::uint8_t { blocked, waiting, held, final };
  struct Job {
    queue::JobSpec spec;
    Phase phase = Phase::blocked;
    queue::JobState end = queue::JobState::done;
    queue::UnixMillis run_at = 0;
    double ready_at = 0;   ///< elapsed ms at which it could first be taken
    bool was_due = false;  ///< a time made it ready, not a call
    std::set<queue::JobId> waits_for;
    std::uint32_t attempt = 0;
    std::uint32_t crashes = 0;
    std::uint32_t alone_crashes = 0;
    bool cancel_requested = false;
    bool started = false;
    bool alone = false;
    bool lost_before = false;
    bool ever_final = false;
    bool confirmed = false;
    bool reopened = false;
    std::uint64_t token = 0;
    std::uint64_t settled = 0;
    bool settled_done = false;
    queue::Uuid holder;
    queue::UnixMillis deadline = 0;
    double lost_at = -1;  ///< elapsed ms of the deadline of the lease that was lost last
    double final_at = 0;
    std::set<std::uint64_t> accepted;
    std::uint32_t runs = 0;
    std::string result;

    [[nodiscard]] bool suspect() const { return spec.max_crashes != 0 && crashes >= 2; }
    [[nodiscard]] bool may_expire() const { return spec.expires_at != 0 && attempt == 0 && crashes == 0; }
  };
  /// An incarnation: the newest call and its reply.
  struct Peer {
    std::string life;
    std::uint64_t seq = 0;
    std::vector<queue::Verdict> done, failed, alive;
    std::vector<queue::JobId> cancel;
    std::set<std::pair<queue::JobId, std::uint64_t>> leases;
  };
  struct Life {
    std::uint32_t concurrency = 1;
    bool over = false;
    std::vector<std::string> names;
    double free_since = never;  ///< elapsed ms since when it has had a free slot, and hears and speaks
    double deaf_until = 0;
  };
  struct Run {
    std::string life;
    const queue::JobContext* job;
    bool alone;
  };
  using Grant = std::pair<queue::JobId, std::uint64_t>;
  static constexpr double never = std::numeric_limits<double>::infinity();

  void repeated(const Peer& peer, const queue::CycleReply& reply);
  [[nodiscard]] bool holds(const Job& job, const queue::CycleRequest& request, const queue::LeaseRef& lease);
  static bool settled_by(const Job& job, const queue::CycleRequest& request, const queue::LeaseRef& lease);
  queue::Verdict done(const queue::CycleRequest& request, const queue::Done& entry);
  queue::Verdict failed(const queue::CycleRequest& request, const queue::Failed& entry);
  queue::Verdict alive(const queue::CycleRequest& request, const queue::Alive& entry,
                       std::vector<queue::JobId>& cancel);
  void settle(const queue::JobId& id, Job& job, bool done);
  void recover();
  void expire();
  void take(const queue::CycleRequest& request, const queue::CycleReply& reply);
  void take_one(const queue::CycleRequest& request, const queue::Lease& lease);
  [[nodiscard]] bool may_take(const queue::CycleRequest& request, const Job& job) const;
  void wait_until(Job& job, queue::UnixMillis at);
  void finish(const queue::JobId& id, Job& job, queue::JobState state);
  void judge_lateness(const queue::JobId& id, const Job& job);
  void compare(const char* what, const std::vector<queue::Verdict>& found,
               const std::vector<queue::Verdict>& expected);
  void wrong(const queue::JobId& id, const std::string& what);

  Story& story_;
  const bool punctual_;
  const queue::Milliseconds poll_every_;
  double elapsed_ = 0;
  queue::UnixMillis now_ = 0;
  queue::Milliseconds last_elapsed_{-1};
  std::map<queue::JobId, Job> jobs_;
  std::map<queue::Uuid, Peer> peers_;
  std::map<std::string, Life> lives_;
  std::map<Grant, std::string> grants_;  ///< every lease there ever was, and to whom
  std::set<Grant> ran_;
  std::map<Grant, std::string> returned_;
  std::vector<Run> running_;
  std::uint64_t last_token_ = 0;
  Tally tally_;
};

}  // namespace coterie::simulation
