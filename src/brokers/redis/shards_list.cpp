// Looking at all shards, and forgetting, page by page.
#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "coterie/gather.hpp"
#include "src/brokers/redis/shards.hpp"

namespace coterie::brokers::redis {
namespace {

/// A place in the order in which all shards are listed: by the number within the shard, then by the shard. As
/// jobs spread evenly over shards, that is about the order of their creation.
///
/// A cursor is a place's number, of which everything up to it was given.
class Order {
 public:
  explicit Order(std::uint32_t shards) : shards_(shards) {}
  [[nodiscard]] std::uint64_t place(std::uint64_t number, std::uint32_t shard) const {
    return number * shards_ + shard;
  }
  /// The number in a shard up to which a cursor has given everything.
  [[nodiscard]] std::uint64_t given(std::uint64_t cursor, std::uint32_t shard) const {
    const std::uint64_t number = cursor / shards_;
    if (number == 0 || shard <= cursor % shards_) return number;
    return number - 1;
  }

 private:
  const std::uint64_t shards_;
};

constexpr std::uint64_t at_end = std::numeric_limits<std::uint64_t>::max();

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
  const Order order(size());
  queue::JobPage page;
  do {
    queue::JobFilter part(filter);
    part.limit = static_cast<std::uint32_t>(filter.limit - page.jobs.size());
    if (size() > 1) part.limit = std::min(part.limit, part.limit / size() + 4);
    std::vector<Task<Shard::Walked>> calls;
    for (std::uint32_t shard = 0; shard < size(); ++shard) {
      part.after = order.given(filter.after, shard);
      calls.push_back(at(shard).list(part));
    }
    std::vector<Shard::Walked> walked = co_await gather(std::move(calls));
    std::uint64_t complete = at_end;
    std::vector<Found> found;
    for (std::uint32_t shard = 0; shard < size(); ++shard) {
      const std::uint64_t next = walked[shard].page.next;
      if (next != 0) complete = std::min(complete, order.place(next, shard));
      for (std::size_t i = 0; i < walked[shard].page.jobs.size(); ++i)
        found.emplace_back(order.place(walked[shard].numbers[i], shard),
                           std::move(walked[shard].page.jobs[i]));
    }
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.place < b.place; });
    bool full = false;
    for (Found& each : found) {
      if (each.place > complete) break;
      full = page.jobs.size() == filter.limit;
      if (full) break;
      page.jobs.push_back(std::move(each.info));
      filter.after = each.place;
    }
    if (!full) filter.after = complete;
  } while (filter.after != at_end && page.jobs.size() < filter.limit);
  page.next = filter.after == at_end ? 0 : filter.after;
  co_return page;
}

Task<std::uint64_t> Shards::purge(queue::JobFilter filter) {
  co_await follow_claim();
  const Order order(size());
  const std::uint64_t after = filter.after;
  std::uint64_t purged = 0;
  for (std::uint32_t shard = 0; shard < size() && filter.limit > 0; ++shard) {
    filter.after = order.given(after, shard);
    Task<std::uint64_t> call = at(shard).purge(filter);
    const std::uint64_t step = co_await std::move(call);
    purged += step;
    filter.limit -= static_cast<std::uint32_t>(step);
  }
  co_return purged;
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
