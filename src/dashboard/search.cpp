#include "src/dashboard/search.hpp"

#include <algorithm>

#include "coterie/loop.hpp"
#include "src/dashboard/views.hpp"

namespace coterie::dashboard {
namespace {

/// Jobs that the broker looks at in one call; between two of them the time is looked at.
constexpr std::uint32_t looks_at_once = 5'000;

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

}  // namespace

Task<Found> search(std::shared_ptr<queue::Broker> broker, Filter filter, Part part) {
  Found found;
  queue::JobFilter ask = filter.at_broker();
  ask.newest_first = part.newest_first;
  ask.bodies = filter.needs_args();
  if (filter.is_simple()) ask.looks = looks_at_once;
  const TimePoint deadline =
      EventLoop::current().now() + (filter.is_simple() ? most_list_time : most_scan_time);
  const queue::UnixMillis now = wall_clock();
  ask.after = part.after;
  for (;;) {
    ask.limit = filter.is_simple() ? part.limit - static_cast<std::uint32_t>(found.jobs.size())
                                   : page_of(*broker, ask.bodies);
    queue::JobPage page = co_await broker->list(ask);
    // Where it holds more than is wanted, it is asked for again up to the job that fills the answer, for only
    // the last job of a page has a cursor.
    const std::size_t enough = jobs_until(page, filter, now, part.limit - found.jobs.size());
    if (enough < page.jobs.size()) {
      queue::JobFilter again = ask;
      again.limit = static_cast<std::uint32_t>(enough);
      page = co_await broker->list(again);
    }
    found.scanned += page.looked;
    for (queue::JobInfo& job : page.jobs)
      if (filter.matches(job, now)) found.jobs.push_back(std::move(job));
    found.next = ask.after = page.next;
    if (page.next == 0 || found.jobs.size() >= part.limit) co_return found;
    if (found.scanned >= most_scanned || EventLoop::current().now() >= deadline) {
      found.bounded = true;
      co_return found;
    }
  }
}

Task<Count> count(std::shared_ptr<queue::Broker> broker, Filter filter, std::uint64_t after) {
  Count total;
  const queue::JobFilter& at = filter.at_broker();
  if (filter.is_simple() && at.name.empty() && after == 0) {
    Task<std::uint64_t> counting = count_at_broker(broker, at);
    total.jobs = co_await std::move(counting);
    co_return total;
  }
  queue::JobFilter ask = at;
  ask.after = after;
  ask.bodies = filter.needs_args();
  ask.limit = page_of(*broker, ask.bodies);
  if (filter.is_simple()) ask.looks = looks_at_once;
  const TimePoint deadline =
      EventLoop::current().now() + (filter.is_simple() ? most_list_time : most_scan_time);
  const queue::UnixMillis now = wall_clock();
  std::uint64_t scanned = 0;
  for (;;) {
    queue::JobPage page = co_await broker->list(ask);
    scanned += page.looked;
    for (const queue::JobInfo& job : page.jobs) total.jobs += filter.matches(job, now) ? 1 : 0;
    ask.after = page.next;
    if (page.next == 0) co_return total;
    if (scanned >= most_scanned || EventLoop::current().now() >= deadline) {
      total.next = page.next;
      co_return total;
    }
  }
}

}  // namespace coterie::dashboard
