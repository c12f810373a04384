// A move that has not ended is undone by one that takes everything back.
#include "src/cli/broker_access.hpp"
#include "src/cli/move_work.hpp"

namespace coterie::cli {

using queue::JobId;

/// Once all that waited here is there: where the target has a move to here that has not ended, nothing of it
/// is left to be done but what its last batch has left in both places.
Task<void> MoveWork::undo_other() {
  if (report_.leased > 0 || report_.held > 0 || report_.producers) co_return;
  MoveClaim claim = options_.claim;
  claim.to = here_;
  JournalStore other(to_);
  const bool open = co_await other.claim_open(std::move(claim));
  if (!open) co_return;
  co_await drop_what_has_ended();
  co_await resume_queues(*to_, other);
  co_await close(*from_, there_, other);
  report_.undone = true;
}

/// What that move had sent and not withdrawn, and has run here, would run once more there.
Task<void> MoveWork::drop_what_has_ended() {
  const MovePlan there = co_await plan_move(to_, options_.queues);
  std::vector<JobId> waiting = there.singles;
  for (const std::vector<JobId>& group : there.groups)
    waiting.insert(waiting.end(), group.begin(), group.end());
  waiting.insert(waiting.end(), there.held.begin(), there.held.end());
  const std::vector<std::vector<JobId>> parts = in_parts(*from_, waiting);
  std::vector<JobId> ended;
  for (const std::vector<JobId>& part : parts) {
    const std::vector<std::optional<queue::JobInfo>> infos = co_await from_->get(part, false);
    for (std::size_t i = 0; i < part.size(); ++i)
      if (infos[i] && is_final(infos[i]->state)) ended.push_back(part[i]);
  }
  // It sets free who waits for it, as its end would have.
  const std::vector<std::vector<JobId>> over = in_parts(*to_, ended);
  for (const std::vector<JobId>& part : over) co_await to_->cancel(part);
}

}  // namespace coterie::cli
