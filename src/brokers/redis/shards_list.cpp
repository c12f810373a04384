// Looking at all shards, and forgetting, page by page.
#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "coterie/gather.hpp"
#include "src/brokers/redis/shards.hpp"

namespace coterie::brokers::redis {
namespace {

/// Places in the order in which all shards are listed: by the number within the shard, then by the shard. As
/// jobs spread evenly over shards, that is about the order of their creation, or backwards.
///
/// A cursor is a place's number, of which everything up to it was given; 0 before the first page.
class Order {
 public:
  Order(std::uint32_t shards, bool backwards) : shards_(shards), backwards_(backwards) {}
  [[nodiscard]] std::uint64_t place(std::uint64_t number, std::uint32_t shard) const {
    return number * shards_ + shard;
  }
  [[nodiscard]] bool comes_before(std::uint64_t a, std::uint64_t b) const {
    return backwards_ ? a > b : a < b;
  }
  /// Behind every place.
  [[nodiscard]] std::uint64_t end() const {
    return backwards_ ? 0 : std::numeric_limits<std::uint64_t>::max();
  }
  /// The cursor in a shard that gives what comes behind this one.
  [[nodiscard]] std::uint64_t in_shard(std::uint64_t cursor, std::uint32_t shard) const {
    if (cursor == 0) return 0;
    const std::uint64_t number = cursor / shards_;
    const std::uint64_t its = cursor % shards_;
    // Numbers begin with 1, so that this is no shard's first page.
    if (backwards_) return std::max<std::uint64_t>(1, shard < its ? number + 1 : number);
    return number == 0 || shard <= its ? number : number - 1;
  }

 private:
  const std::uint64_t shards_;
  const bool backwards_;
};

struct Found {
  std::uint64_t place = 0;
  queue::JobInfo info;
  Found(std::uint64_t where, queue::JobInfo job) : place(where), info(std::move(job)) {}
};

}  // namespace

/// Each shard gives what it has after the cursor. Up to where all of them have looked the page is complete;
/// what one of them gave beyond that belongs to the next page, and is asked for again then.
Task<queue::JobPage> Shards::list(queue::JobFilter filter) {
  co_await follow_claim();
  const Order order(size(), filter.newest_first);
  queue::JobPage page;
  bool more = true;
  do {
    queue::JobFilter part(filter);
    part.limit = static_cast<std::uint32_t>(filter.limit - page.jobs.size());
    if (size() > 1) part.limit = std::min(part.limit, part.limit / size() + 4);
    if (filter.looks != 0) part.looks = static_cast<std::uint32_t>((filter.looks - page.looked) / size() + 1);
    std::vector<Task<Shard::Walked>> calls;
    for (std::uint32_t shard = 0; shard < size(); ++shard) {
      part.after = order.in_shard(filter.after, shard);
      calls.push_back(at(shard).list(part));
    }
    std::vector<Shard::Walked> walked = co_await gather(std::move(calls));
    std::uint64_t complete = order.end();
    std::vector<Found> found;
    for (std::uint32_t shard = 0; shard < size(); ++shard) {
      page.looked += walked[shard].page.looked;
      const std::uint64_t next = walked[shard].page.next;
      if (next != 0) {
        const std::uint64_t place = order.place(next, shard);
        if (order.comes_before(place, complete)) complete = place;
      }
      for (std::size_t i = 0; i < walked[shard].page.jobs.size(); ++i)
        found.emplace_back(order.place(walked[shard].numbers[i], shard),
                           std::move(walked[shard].page.jobs[i]));
    }
    std::sort(found.begin(), found.end(),
              [&order](const Found& a, const Found& b) { return order.comes_before(a.place, b.place); });
    bool full = false;
    for (Found& each : found) {
      if (order.comes_before(complete, each.place)) break;
      full = page.jobs.size() == filter.limit;
      if (full) break;
      page.jobs.push_back(std::move(each.info));
      filter.after = each.place;
    }
    if (!full) filter.after = complete;
    more = filter.after != order.end();
  } while (more && page.jobs.size() < filter.limit && (filter.looks == 0 || page.looked < filter.looks));
  page.next = more ? filter.after : 0;
  co_return page;
}

Task<queue::JobLinks> Shards::links(queue::JobId id, std::uint32_t most) {
  co_await follow_claim();
  Task<queue::JobLinks> call = at(shard_of(id, size())).links(id, most);
  queue::JobLinks links = co_await std::move(call);
  co_return links;
}

Task<std::vector<queue::JobInfo>> Shards::recently_ended(std::uint32_t limit) {
  co_await follow_claim();
  std::vector<Task<std::vector<queue::JobInfo>>> calls;
  calls.reserve(shards_.size());
  for (const std::unique_ptr<Shard>& shard : shards_) calls.push_back(shard->recently_ended(limit));
  std::vector<std::vector<queue::JobInfo>> answers = co_await gather(std::move(calls));
  std::vector<queue::JobInfo> infos;
  for (std::vector<queue::JobInfo>& answer : answers)
    std::move(answer.begin(), answer.end(), std::back_inserter(infos));
  std::stable_sort(infos.begin(), infos.end(),
                   [](const auto& a, const auto& b) { return a.finished_at > b.finished_at; });
  if (infos.size() > limit) infos.resize(limit);
  co_return infos;
}

Task<std::uint64_t> Shards::purge(queue::JobFilter filter) {
  co_await follow_claim();
  if (size() == 1) {
    Task<std::uint64_t> call = at(0).purge(std::move(filter));
    co_return co_await std::move(call);
  }
  std::uint64_t purged = 0;
  for (int number = 0; number < queue::job_state_count && purged < filter.limit; ++number) {
    const auto state = static_cast<queue::JobState>(number);
    if (!queue::is_final(state) || filter.state.value_or(state) != state) continue;
    queue::JobFilter part(filter);
    part.state = state;
    part.limit = filter.limit - static_cast<std::uint32_t>(purged);
    Task<std::uint64_t> forgetting = purge_oldest(std::move(part));
    purged += co_await std::move(forgetting);
  }
  co_return purged;
}

/// Of one state. Each shard forgets as many of its own as stand first in the list of all; else those of one
/// shard would go first, its newest before the oldest of the others.
Task<std::uint64_t> Shards::purge_oldest(queue::JobFilter filter) {
  filter.newest_first = filter.bodies = false;
  filter.looks = 0;
  const queue::JobPage oldest = co_await list(filter);
  std::vector<std::uint32_t> counts(size());
  for (const queue::JobInfo& job : oldest.jobs) ++counts[shard_of(job.id, size())];
  const Order order(size(), false);
  std::vector<Task<std::uint64_t>> calls;
  for (std::uint32_t shard = 0; shard < size(); ++shard) {
    if (counts[shard] == 0) continue;
    queue::JobFilter part(filter);
    part.limit = counts[shard];
    part.after = order.in_shard(filter.after, shard);
    calls.push_back(at(shard).purge(std::move(part)));
  }
  const std::vector<std::uint64_t> purged = co_await gather(std::move(calls));
  co_return std::accumulate(purged.begin(), purged.end(), std::uint64_t{0});
}

Task<std::vector<queue::QueueInfo>> Shards::queues() {
  co_await follow_claim();
  std::vector<Task<std::vector<queue::QueueInfo>>> calls;
  calls.reserve(shards_.size());
  for (const std::unique_ptr<Shard>& shard : shards_) calls.push_back(shard->queues());
  std::vector<std::vector<queue::QueueInfo>> answers = co_await gather(std::move(calls));
  std::map<std::string, queue::QueueInfo> merged;
  for (const std::vector<queue::QueueInfo>& answer : answers) {
    for (const queue::QueueInfo& one : answer) {
      queue::QueueInfo& all = merged[one.name];
      all.name = one.name;
      for (const auto& [state, count] : one.counts) all.counts[state] += count;
      if (one.oldest_ready_at != 0 && (all.oldest_ready_at == 0 || one.oldest_ready_at < all.oldest_ready_at))
        all.oldest_ready_at = one.oldest_ready_at;
    }
  }
  std::vector<queue::QueueInfo> infos;
  infos.reserve(merged.size());
  for (auto& [name, info] : merged) infos.push_back(std::move(info));
  co_return infos;
}

}  // namespace coterie::brokers::redis
