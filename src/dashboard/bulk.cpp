#include "src/dashboard/bulk.hpp"

#include <algorithm>
#include <utility>

#include "coterie/loop.hpp"
#include "src/dashboard/search.hpp"

namespace coterie::dashboard {
namespace {

using queue::CancelResult;
using queue::JobState;

constexpr std::uint64_t batch = 200;

std::uint32_t batch_of(const queue::Broker& broker, std::uint64_t most) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>({batch, most, broker.limits().batch_jobs}));
}

/// How much of a request is left.
class Pace {
 public:
  Pace() : until_(EventLoop::current().now() + step_time) {}
  [[nodiscard]] bool goes_on(const Step& step) const {
    return step.matched < step_jobs && EventLoop::current().now() < until_;
  }

 private:
  TimePoint until_;
};

/// What a filter may choose for a change; the others would only be looked at in vain.
bool fits(const queue::JobInfo& job, Change what) {
  if (what == Change::cancel) return !is_final(job.state);
  return is_final(job.state) && job.state != JobState::done;
}

bool came_later(const queue::JobInfo& job, const Counted& counted) {
  return counted.until && job.created_at > *counted.until;
}

/// Each shard has a newest one of its own, and there are fewer shards.
constexpr std::uint32_t newest_looked_at = 100;

}  // namespace

std::string_view to_string(Change what) noexcept {
  return what == Change::cancel ? "cancel" : "retry";
}

Task<queue::UnixMillis> newest_at(std::shared_ptr<queue::Broker> broker) {
  queue::JobFilter all;
  all.newest_first = true;
  all.limit = newest_looked_at;
  const queue::JobPage page = co_await broker->list(all);
  queue::UnixMillis newest = 0;
  for (const queue::JobInfo& job : page.jobs) newest = std::max(newest, job.created_at);
  co_return newest;
}

Task<void> change_ids(std::shared_ptr<queue::Broker> broker, std::vector<queue::JobId> ids, Change what,
                      Step* step) {
  step->matched += ids.size();
  if (what == Change::cancel) {
    const std::vector<CancelResult> results = co_await broker->cancel(std::move(ids));
    step->changed +=
        static_cast<std::uint64_t>(std::count_if(results.begin(), results.end(), [](CancelResult result) {
          return result == CancelResult::cancelled || result == CancelResult::requested;
        }));
  } else {
    const std::vector<bool> results = co_await broker->retry(std::move(ids));
    step->changed += static_cast<std::uint64_t>(std::count(results.begin(), results.end(), true));
  }
}

Task<void> change_matching(std::shared_ptr<queue::Broker> broker, Filter filter, Change what,
                           std::uint64_t after, Counted counted, Step* step) {
  const std::uint64_t most = counted.most;
  const Pace pace;
  Part part;
  part.after = after;
  part.limit = batch_of(*broker, batch);
  while (step->matched < most) {
    Task<Found> searching = search(broker, filter, part);
    const Found found = co_await std::move(searching);
    std::vector<queue::JobId> ids;
    for (const queue::JobInfo& job : found.jobs)
      if (fits(job, what) && !came_later(job, counted) && step->matched + ids.size() < most)
        ids.push_back(job.id);
    if (!ids.empty()) {
      Task<void> changing = change_ids(broker, std::move(ids), what, step);
      co_await std::move(changing);
    }
    part.after = found.next;
    if (part.after == 0) co_return;
    if (step->matched < most && !pace.goes_on(*step)) {
      step->next = part.after;
      co_return;
    }
  }
}

Task<void> drain(std::shared_ptr<queue::Broker> broker, std::string queue, Counted counted, Step* step) {
  const std::uint64_t most = counted.most;
  const Pace pace;
  // What is ready once more at the end: a job that became so meanwhile was seen in neither state.
  for (const JobState state :
       {JobState::ready, JobState::scheduled, JobState::blocked, JobState::throttled, JobState::ready}) {
    queue::JobFilter waiting;
    waiting.state = state;
    waiting.queue = queue;
    do {
      if (step->matched >= most) co_return;
      // Whoever goes on from the start must have got somewhere.
      if (step->matched > 0 && !pace.goes_on(*step)) {
        step->next = 0;
        co_return;
      }
      waiting.limit = batch_of(*broker, most - step->matched);
      const queue::JobPage page = co_await broker->list(waiting);
      waiting.after = page.next;
      std::vector<queue::JobId> ids;
      ids.reserve(page.jobs.size());
      for (const queue::JobInfo& job : page.jobs)
        if (!came_later(job, counted)) ids.push_back(job.id);
      // Pages are in the order in which jobs came: what is behind such a one came later too.
      if (ids.empty() && !page.jobs.empty()) break;
      if (ids.empty()) continue;
      Task<void> changing = change_ids(broker, std::move(ids), Change::cancel, step);
      co_await std::move(changing);
    } while (waiting.after != 0);
  }
}

Task<void> forget(std::shared_ptr<queue::Broker> broker, queue::JobFilter jobs, std::uint64_t most,
                  Step* step) {
  const Pace pace;
  while (step->matched < most) {
    jobs.limit = batch_of(*broker, most - step->matched);
    const std::uint64_t gone = co_await broker->purge(jobs);
    if (gone == 0) co_return;
    step->matched += gone;
    step->changed += gone;
    if (step->matched < most && !pace.goes_on(*step)) {
      step->next = 0;
      co_return;
    }
  }
}

}  // namespace coterie::dashboard
