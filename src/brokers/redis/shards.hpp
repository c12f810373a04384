#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/brokers/redis/routing.hpp"
#include "src/brokers/redis/servers.hpp"
#include "src/brokers/redis/shard.hpp"
#include "src/queue/clock.hpp"

namespace coterie::brokers::redis {

/// One queue over all its shards: the broker's calls but those of workers (see Rounds). A call goes to the
/// shards that it concerns at once, and each shard's part of it is complete by itself.
///
/// Belongs to one loop.
class Shards {
 public:
  /// `servers` outlive it.
  Shards(Servers& servers, const queue::Limits& limits, std::optional<queue::ClockSource> clock);

  /// Once the servers are open: how many shards the queue has, as it is written down there, or else as the
  /// URL says. Writes nothing: who only looks decides nothing. BadBroker where the URL says another number
  /// than is written down.
  Task<void> open();
  Task<void> close();

  /// Before anything is written that is to be found again: writes down how many shards the queue has.
  /// BadBroker where somebody else has written another number since.
  Task<void> claim();
  /// For those who look or wait for work: the same, but where nothing is written down it stays so.
  Task<void> follow_claim();
  [[nodiscard]] bool claimed() const noexcept { return claimed_; }

  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(shards_.size()); }
  [[nodiscard]] Shard& at(std::uint32_t number) { return *shards_.at(number); }
  [[nodiscard]] const queue::Limits& limits() const noexcept { return limits_; }
  /// By our own clock: for what is to be done again after some time.
  [[nodiscard]] queue::Milliseconds elapsed() const;

  Task<std::vector<queue::Enqueued>> enqueue(std::vector<queue::JobSpec> jobs);
  Task<std::vector<queue::Verdict>> extend(queue::Uuid worker, std::vector<queue::LeaseRef> leases,
                                           queue::Milliseconds lease);
  /// Of each shard.
  Task<std::vector<std::uint64_t>> versions();
  Task<std::vector<std::optional<queue::JobInfo>>> get(std::vector<queue::JobId> ids, bool bodies);
  /// Merged by the jobs' numbers within their shards, see docs/scaling.md.
  Task<queue::JobPage> list(queue::JobFilter filter);
  Task<queue::JobLinks> links(queue::JobId id, std::uint32_t most);
  Task<std::vector<queue::JobInfo>> recently_ended(std::uint32_t limit);
  Task<std::vector<queue::QueueInfo>> queues();
  Task<std::vector<queue::CancelResult>> cancel(std::vector<queue::JobId> ids);
  Task<std::vector<bool>> retry(std::vector<queue::JobId> ids);
  /// The oldest in the order of list(); where no state is named, state by state.
  Task<std::uint64_t> purge(queue::JobFilter filter);
  /// In every shard: one that is not reached goes on as before, and the call fails.
  Task<void> pause(std::string queue, bool paused);
  /// In any of them.
  Task<std::vector<std::string>> paused();
  Task<std::vector<std::optional<queue::JobExport>>> export_jobs(std::vector<queue::JobId> ids,
                                                                 bool payloads);
  Task<std::vector<queue::Withdrawn>> withdraw(std::vector<queue::JobId> ids);
  Task<void> readmit(std::vector<queue::JobId> ids);
  Task<std::optional<std::string>> get_note(std::string key);
  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value);

  /// Carries on what a shard has to tell others: dependencies to be registered there, and those that ended.
  /// `ahead`: also what is to be carried on by then. Errors are not told: what was not confirmed stays, and
  /// whoever works at the shard next carries it on.
  /// Gives the shards at which jobs may have become ready by it.
  Task<std::vector<std::uint32_t>> forward(std::uint32_t from,
                                           queue::Milliseconds ahead = queue::Milliseconds{0});

 private:
  struct Part;
  template <class Result, class Named, class Call>
  Task<std::vector<Result>> by_id(const std::vector<Named>& ids, Call call);
  Task<std::uint64_t> purge_oldest(queue::JobFilter filter);
  Task<void> release_all();
  Task<void> forward_for(const std::vector<queue::JobId>& ids);
  Task<bool> drop_far_dependents(std::vector<queue::JobId> ids);
  Task<std::vector<queue::Enqueued>> spread(std::vector<queue::JobSpec> jobs);
  Task<void> enqueue_wave(std::vector<queue::JobSpec>& jobs, const std::vector<std::size_t>& wave,
                          std::vector<queue::Enqueued>& verdicts, std::vector<bool>& far);
  Task<std::vector<queue::Enqueued>> enqueue_part(Part part);
  [[noreturn]] void refuse_other_number(std::uint32_t there) const;
  Task<std::vector<queue::Enqueued>> claim_and_enqueue(std::vector<queue::JobSpec> jobs);
  Task<std::vector<queue::Enqueued>> enqueue_claimed(std::vector<queue::JobSpec> jobs);
  Task<void> check_dependencies(const std::vector<queue::JobSpec>& jobs);
  Task<void> carry(std::uint32_t from, queue::Milliseconds ahead, std::vector<std::uint32_t>& reached);

  Servers& servers_;
  const queue::Limits limits_;
  const std::optional<queue::ClockSource> clock_;
  std::vector<std::unique_ptr<Shard>> shards_;
  bool claimed_ = false;  // their number is written down
};

}  // namespace coterie::brokers::redis
