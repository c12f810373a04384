// The calls that name jobs or notes: to the shard of each.
#include "src/brokers/redis/shards.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/gather.hpp"
#include "src/brokers/redis/dependencies.hpp"

namespace coterie::brokers::redis {
namespace {

queue::JobId id_of(const queue::JobId& id) {
  return id;
}
queue::JobId id_of(const queue::LeaseRef& lease) {
  return lease.id;
}

}  // namespace

Shards::Shards(Servers& servers, const queue::Limits& limits, std::optional<queue::ClockSource> clock)
    : servers_(servers), limits_(limits), clock_(std::move(clock)) {
  shards_.push_back(std::make_unique<Shard>(servers_, 0, limits_, clock_));
}

Task<void> Shards::open() {
  const Settings& settings = servers_.settings();
  const std::optional<std::uint32_t> written = co_await shards_[0]->written_layout();
  const std::uint32_t said = settings.shards != 0 ? settings.shards : servers_.default_shards();
  const std::uint32_t there = written.value_or(said);
  if (settings.shards != 0 && settings.shards != there) refuse_other_number(there);
  if (there == 0 || there > shards_most)
    throw queue::BadBroker(settings.url() + ": in its namespace '" + settings.key_namespace +
                           "' it is written that the queue has " + std::to_string(there) +
                           " shards, which is none or too many: choose another ?namespace=");
  for (std::uint32_t i = 1; i < there; ++i)
    shards_.push_back(std::make_unique<Shard>(servers_, i, limits_, clock_));
  claimed_ = written.has_value();
}

Task<void> Shards::claim() {
  if (claimed_) co_return;
  const std::uint32_t there = co_await shards_[0]->layout(size());
  if (there != size()) refuse_other_number(there);
  claimed_ = true;
}

Task<void> Shards::follow_claim() {
  if (claimed_) co_return;
  const std::optional<std::uint32_t> there = co_await shards_[0]->written_layout();
  if (there && *there != size()) refuse_other_number(*there);
  claimed_ = there.has_value();
}

void Shards::refuse_other_number(std::uint32_t there) const {
  const Settings& settings = servers_.settings();
  const std::string number = std::to_string(there);
  const std::string has = settings.url() + ": the queue in its namespace '" + settings.key_namespace +
                          "' has " + number + (there == 1 ? " shard" : " shards");
  if (settings.shards == 0) throw queue::BadBroker(has + " since just now: open it again");
  throw queue::BadBroker(has + ", and the URL says " + std::to_string(settings.shards) +
                         ": say ?shards=" + number +
                         " or nothing, or choose another ?namespace=, where `coterie move` takes its jobs");
}

Task<void> Shards::close() {
  for (const std::unique_ptr<Shard>& shard : shards_) co_await shard->close();
}

queue::Milliseconds Shards::elapsed() const {
  return (clock_ ? (*clock_)() : queue::read_system_clock()).elapsed;
}

/// Asks the shard of each id, all shards at once, and puts the answers into the order of the ids.
template <class Result, class Named, class Call>
Task<std::vector<Result>> Shards::by_id(const std::vector<Named>& ids, Call call) {
  co_await follow_claim();
  std::vector<std::vector<Named>> parts(size());
  std::vector<std::vector<std::size_t>> places(size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::uint32_t shard = shard_of(id_of(ids[i]), size());
    parts[shard].push_back(ids[i]);
    places[shard].push_back(i);
  }
  std::vector<Task<std::vector<Result>>> calls;
  std::vector<std::uint32_t> asked;
  for (std::uint32_t shard = 0; shard < size(); ++shard) {
    if (parts[shard].empty()) continue;
    asked.push_back(shard);
    calls.push_back(call(at(shard), std::move(parts[shard])));
  }
  std::vector<std::vector<Result>> answers = co_await gather(std::move(calls));
  std::vector<Result> results(ids.size());
  for (std::size_t k = 0; k < asked.size(); ++k)
    for (std::size_t i = 0; i < answers[k].size(); ++i)
      results[places[asked[k]][i]] = std::move(answers[k][i]);
  co_return results;
}

Task<std::vector<std::optional<queue::JobInfo>>> Shards::get(std::vector<queue::JobId> ids, bool bodies) {
  const auto ask = [bodies](Shard& shard, std::vector<queue::JobId> part) {
    return shard.get(std::move(part), bodies);
  };
  co_return co_await by_id<std::optional<queue::JobInfo>>(ids, ask);
}

Task<std::vector<queue::Verdict>> Shards::extend(queue::Uuid worker, std::vector<queue::LeaseRef> leases,
                                                 queue::Milliseconds lease) {
  const auto ask = [worker, lease](Shard& shard, std::vector<queue::LeaseRef> part) {
    return shard.extend(worker, std::move(part), lease);
  };
  co_return co_await by_id<queue::Verdict>(leases, ask);
}

Task<std::vector<queue::CancelResult>> Shards::cancel(std::vector<queue::JobId> ids) {
  const auto ask = [](Shard& shard, std::vector<queue::JobId> part) { return shard.cancel(std::move(part)); };
  std::vector<queue::CancelResult> results = co_await by_id<queue::CancelResult>(ids, ask);
  co_await forward_for(ids);
  co_return results;
}

/// What has ended sets free who waited for it, everywhere.
Task<void> Shards::release_all() {
  std::vector<Task<void>> releases;
  releases.reserve(shards_.size());
  for (const std::unique_ptr<Shard>& shard : shards_) releases.push_back(shard->release_all());
  (void)co_await gather(std::move(releases));
  if (size() == 1) co_return;
  std::vector<Task<std::vector<std::uint32_t>>> carried;
  for (std::uint32_t shard = 0; shard < size(); ++shard) carried.push_back(forward(shard));
  (void)co_await gather(std::move(carried));
}

/// These have ended, and others may wait for them in other shards.
Task<void> Shards::forward_for(const std::vector<queue::JobId>& ids) {
  if (size() == 1) co_return;
  std::vector<bool> concerned(size());
  for (const queue::JobId& id : ids) concerned[shard_of(id, size())] = true;
  std::vector<Task<std::vector<std::uint32_t>>> carried;
  for (std::uint32_t shard = 0; shard < size(); ++shard)
    if (concerned[shard]) carried.push_back(forward(shard));
  (void)co_await gather(std::move(carried));
}

Task<std::vector<bool>> Shards::retry(std::vector<queue::JobId> ids) {
  const auto ask = [](Shard& shard, std::vector<queue::JobId> part) { return shard.retry(std::move(part)); };
  co_return co_await by_id<bool>(ids, ask);
}

Task<void> Shards::pause(std::string queue, bool paused) {
  co_await claim();
  std::vector<Task<void>> calls;
  calls.reserve(shards_.size());
  for (const std::unique_ptr<Shard>& shard : shards_) calls.push_back(shard->pause(queue, paused));
  (void)co_await gather(std::move(calls));
}

Task<std::vector<std::string>> Shards::paused() {
  co_await follow_claim();
  std::vector<Task<std::vector<std::string>>> calls;
  calls.reserve(shards_.size());
  for (const std::unique_ptr<Shard>& shard : shards_) calls.push_back(shard->paused());
  const std::vector<std::vector<std::string>> answers = co_await gather(std::move(calls));
  std::set<std::string> names;
  for (const std::vector<std::string>& answer : answers) names.insert(answer.begin(), answer.end());
  co_return std::vector<std::string>(names.begin(), names.end());
}

Task<std::vector<std::optional<queue::JobExport>>> Shards::export_jobs(std::vector<queue::JobId> ids,
                                                                       bool payloads) {
  co_await release_all();
  const auto ask = [payloads](Shard& shard, std::vector<queue::JobId> part) {
    return shard.export_jobs(std::move(part), payloads);
  };
  co_return co_await by_id<std::optional<queue::JobExport>>(ids, ask);
}

/// Again for as long as it gets further, since who waits in one shard for a job in another may be among them.
Task<std::vector<queue::Withdrawn>> Shards::withdraw(std::vector<queue::JobId> ids) {
  std::vector<queue::Withdrawn> results(ids.size(), queue::Withdrawn::awaited);
  for (bool further = true; further;) {
    further = false;
    std::vector<std::size_t> places;
    std::vector<queue::JobId> left;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (results[i] != queue::Withdrawn::awaited) continue;
      places.push_back(i);
      left.push_back(ids[i]);
    }
    if (left.empty()) break;
    const auto ask = [](Shard& shard, std::vector<queue::JobId> part) {
      return shard.withdraw(std::move(part));
    };
    const std::vector<queue::Withdrawn> answers = co_await by_id<queue::Withdrawn>(left, ask);
    std::vector<queue::JobId> awaited;
    for (std::size_t i = 0; i < places.size(); ++i) {
      results[places[i]] = answers[i];
      if (answers[i] == queue::Withdrawn::awaited) awaited.push_back(left[i]);
      further = further || answers[i] == queue::Withdrawn::withdrawn;
    }
    co_await forward_for(left);
    const bool dropped = co_await drop_far_dependents(std::move(awaited));
    further = further || dropped;
  }
  co_return results;
}

/// Those that wait no more, as their own shards say. Says whether there were any.
Task<bool> Shards::drop_far_dependents(std::vector<queue::JobId> ids) {
  bool dropped = false;
  if (size() == 1) co_return dropped;
  for (const queue::JobId& id : ids) {
    const std::vector<queue::JobId> far = co_await at(shard_of(id, size())).far_dependents(id);
    if (far.empty()) continue;
    const std::vector<std::optional<queue::JobInfo>> infos = co_await get(far, false);
    std::vector<FarJob> over;
    for (std::size_t i = 0; i < far.size(); ++i)
      if (!infos[i] || infos[i]->state != queue::JobState::blocked)
        over.emplace_back(shard_of(far[i], size()), far[i]);
    if (over.empty()) continue;
    dropped = true;
    co_await at(shard_of(id, size())).drop_far_dependents(id, std::move(over));
  }
  co_return dropped;
}

Task<void> Shards::readmit(std::vector<queue::JobId> ids) {
  std::vector<std::vector<queue::JobId>> parts(size());
  for (const queue::JobId& id : ids) parts[shard_of(id, size())].push_back(id);
  std::vector<Task<void>> calls;
  for (std::uint32_t shard = 0; shard < size(); ++shard)
    if (!parts[shard].empty()) calls.push_back(at(shard).readmit(std::move(parts[shard])));
  (void)co_await gather(std::move(calls));
}

/// Before the first job is written: all that they wait for is known, or stands before them.
Task<void> Shards::check_dependencies(const std::vector<queue::JobSpec>& jobs) {
  const std::vector<queue::JobId> ids = ids_to_know(jobs);
  if (ids.empty()) co_return;
  const auto ask = [](Shard& shard, std::vector<queue::JobId> part) { return shard.known(std::move(part)); };
  const std::vector<Known> known = co_await by_id<Known>(ids, ask);
  require_dependencies(jobs, ids, known);
}

Task<std::vector<std::uint64_t>> Shards::versions() {
  co_await follow_claim();
  std::vector<Task<std::uint64_t>> calls;
  calls.reserve(shards_.size());
  for (const std::unique_ptr<Shard>& shard : shards_) calls.push_back(shard->version());
  co_return co_await gather(std::move(calls));
}

Task<std::optional<std::string>> Shards::get_note(std::string key) {
  co_await follow_claim();
  Shard& shard = at(shard_of_note(key, size()));
  co_return co_await shard.get_note(std::move(key));
}

Task<bool> Shards::put_note(std::string key, std::optional<std::string> expected, std::string value) {
  co_await claim();
  Shard& shard = at(shard_of_note(key, size()));
  Task<bool> call = shard.put_note(std::move(key), std::move(expected), std::move(value));
  co_return co_await std::move(call);
}

}  // namespace coterie::brokers::redis
