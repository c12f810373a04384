#include "src/dashboard/search.hpp"

#include <algorithm>

#include "coterie/loop.hpp"
#include "src/dashboard/views.hpp"

namespace coterie::dashboard {
namespace {

/// Jobs in one call: few where their bodies come too.
std::uint32_t page_of(const queue::Broker& broker, bool bodies) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(bodies ? 200 : 1000, broker.limits().batch_jobs));
}

/// How many jobs of the page hold `wanted` that match; all of them where there are not so many.
std::size_t jobs_until(const queue::JobPage& page, const Filter& filter, queue::UnixMillis now,
                       std::size_t wanted) {
  for (std::size_t i = 0; i < page.jobs.size(); ++i)
    if (filter.matches(page.jobs[i], now) && --wanted == 0) return i + 1;
  return page.jobs.size();
}

Task<std::uint64_t> count_at_broker(std::shared_ptr<queue::Broker> broker, queue::JobFilter filter) {
  std::uint64_t jobs = 0;
  std::vector<queue::QueueInfo> queues = co_await broker->queues();
  for (const queue::QueueInfo& info : queues) {
    if (!filter.queue.empty() && filter.queue != info.name) continue;
    for (const auto& [state, count] : info.counts)
      if (!filter.state || *filter.state == state) jobs += count;
  }
  co_return jobs;
}

/// The first page of a state that few jobs have. A broker without an index of states would look at all jobs
/// to learn that there are no more; the counts tell.
Task<std::optional<Found>> find_few(std::shared_ptr<queue::Broker> broker, queue::JobFilter filter,
                                    std::uint32_t limit) {
  Task<std::uint64_t> counting = count_at_broker(broker, filter);
  const std::uint64_t jobs = co_await std::move(counting);
  if (jobs > limit) co_return std::nullopt;
  Found found;
  if (jobs == 0) co_return found;
  filter.limit = static_cast<std::uint32_t>(jobs);
  queue::JobPage page = co_await broker->list(filter);
  found.jobs = std::move(page.jobs);
  found.scanned = found.jobs.size();
  if (found.jobs.size() < jobs) found.next = page.next;
  co_return found;
}

}  // namespace

Task<Found> search(std::shared_ptr<queue::Broker> broker, Filter filter, std::uint64_t after,
                   std::uint32_t limit) {
  if (after == 0 && filter.is_simple() && filter.at_broker().state && filter.at_broker().name.empty()) {
    Task<std::optional<Found>> few = find_few(broker, filter.at_broker(), limit);
    std::optional<Found> all = co_await std::move(few);
    if (all) co_return *std::move(all);
  }
  Found found;
  queue::JobFilter ask = filter.at_broker();
  ask.bodies = filter.needs_args();
  const TimePoint deadline = EventLoop::current().now() + most_scan_time;
  const queue::UnixMillis now = wall_clock();
  ask.after = after;
  for (;;) {
    ask.limit = filter.is_simple() ? limit - static_cast<std::uint32_t>(found.jobs.size())
                                   : page_of(*broker, ask.bodies);
    queue::JobPage page = co_await broker->list(ask);
    // Where it holds more than is wanted, it is asked for again up to the job that fills the answer, for only
    // the last job of a page has a cursor.
    const std::size_t enough = jobs_until(page, filter, now, limit - found.jobs.size());
    if (enough < page.jobs.size()) {
      queue::JobFilter part = ask;
      part.limit = static_cast<std::uint32_t>(enough);
      page = co_await broker->list(part);
    }
    found.scanned += page.jobs.size();
    for (queue::JobInfo& job : page.jobs)
      if (filter.matches(job, now)) found.jobs.push_back(std::move(job));
    found.next = ask.after = page.next;
    if (page.next == 0 || found.jobs.size() >= limit) co_return found;
    if (found.scanned >= most_scanned || EventLoop::current().now() >= deadline) {
      found.bounded = true;
      co_return found;
    }
  }
}

Task<Count> count(std::shared_ptr<queue::Broker> broker, Filter filter) {
  Count total;
  const queue::JobFilter& at = filter.at_broker();
  if (filter.is_simple() && at.name.empty()) {
    Task<std::uint64_t> counting = count_at_broker(broker, at);
    total.jobs = co_await std::move(counting);
    co_return total;
  }
  queue::JobFilter ask = at;
  ask.bodies = filter.needs_args();
  ask.limit = page_of(*broker, ask.bodies);
  const TimePoint deadline = EventLoop::current().now() + most_scan_time;
  const queue::UnixMillis now = wall_clock();
  std::uint64_t scanned = 0;
  for (;;) {
    queue::JobPage page = co_await broker->list(ask);
    scanned += page.jobs.size();
    for (const queue::JobInfo& job : page.jobs) total.jobs += filter.matches(job, now) ? 1 : 0;
    ask.after = page.next;
    if (page.next == 0) co_return total;
    if (scanned >= most_scanned || EventLoop::current().now() >= deadline) {
      total.bounded = true;
      co_return total;
    }
  }
}

}  // namespace coterie::dashboard
