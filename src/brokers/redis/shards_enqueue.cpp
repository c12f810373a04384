// Adding jobs that go to several shards, and what they wait for there.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/gather.hpp"
#include "src/brokers/redis/shards.hpp"

namespace coterie::brokers::redis {
namespace {

/// depend_far.lua leaves this much time to who enqueues.
constexpr queue::Milliseconds producers_time{1000};
constexpr std::size_t letters_at_once = 64;

/// Places of the jobs that are written together, each after all that it waits for. Who enqueues may die in
/// between, and none must wait for one that never comes.
std::vector<std::vector<std::size_t>> waves_of(const std::vector<queue::JobSpec>& jobs,
                                               std::uint32_t shards) {
  std::vector<std::vector<std::size_t>> waves;
  std::unordered_map<queue::JobId, std::size_t> wave_of;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    std::size_t wave = 0;
    for (const queue::JobId& id : jobs[i].after) {
      const auto other = wave_of.find(id);
      if (other == wave_of.end()) continue;  // not of this call: it is there
      const bool is_far = shard_of(id, shards) != shard_of(jobs[i], shards);
      wave = std::max(wave, other->second + (is_far ? 1 : 0));
    }
    wave_of.emplace(jobs[i].id, wave);
    if (wave >= waves.size()) waves.resize(wave + 1);
    waves[wave].push_back(i);
  }
  return waves;
}

}  // namespace

/// One shard's jobs of a batch, in their order. What one waits for in other shards stands in `far`, and no
/// more in its `after`.
struct Shards::Part {
  std::uint32_t shard = 0;
  std::vector<queue::JobSpec> jobs;
  std::vector<std::vector<FarJob>> far;
  std::vector<std::size_t> places;  // in the batch
  Part() = default;
};

Task<std::vector<queue::Enqueued>> Shards::enqueue(std::vector<queue::JobSpec> jobs) {
  return claimed_ ? enqueue_claimed(std::move(jobs)) : claim_and_enqueue(std::move(jobs));
}

Task<std::vector<queue::Enqueued>> Shards::claim_and_enqueue(std::vector<queue::JobSpec> jobs) {
  co_await claim();
  Task<std::vector<queue::Enqueued>> call = enqueue_claimed(std::move(jobs));
  co_return co_await std::move(call);
}

Task<std::vector<queue::Enqueued>> Shards::enqueue_claimed(std::vector<queue::JobSpec> jobs) {
  if (jobs.empty() || size() == 1) return at(0).enqueue(std::move(jobs));
  if (jobs.size() == 1 && jobs[0].after.empty())
    return at(shard_of(jobs[0], size())).enqueue(std::move(jobs));
  return spread(std::move(jobs));
}

Task<std::vector<queue::Enqueued>> Shards::spread(std::vector<queue::JobSpec> jobs) {
  co_await check_dependencies(jobs);
  std::vector<queue::Enqueued> verdicts(jobs.size());
  std::vector<bool> far(size());
  const std::vector<std::vector<std::size_t>> waves = waves_of(jobs, size());
  for (const std::vector<std::size_t>& wave : waves) co_await enqueue_wave(jobs, wave, verdicts, far);
  std::vector<Task<std::vector<std::uint32_t>>> carried;
  for (std::uint32_t shard = 0; shard < size(); ++shard)
    if (far[shard]) carried.push_back(forward(shard, producers_time));
  (void)co_await gather(std::move(carried));
  co_return verdicts;
}

Task<void> Shards::enqueue_wave(std::vector<queue::JobSpec>& jobs, const std::vector<std::size_t>& wave,
                                std::vector<queue::Enqueued>& verdicts, std::vector<bool>& far) {
  std::vector<Part> parts(size());
  for (const std::size_t i : wave) {
    const std::uint32_t shard = shard_of(jobs[i], size());
    Part& part = parts[shard];
    std::vector<FarJob>& elsewhere = part.far.emplace_back();
    for (const queue::JobId& id : jobs[i].after)
      if (shard_of(id, size()) != shard) elsewhere.emplace_back(shard_of(id, size()), id);
    std::erase_if(jobs[i].after, [&](const queue::JobId& id) { return shard_of(id, size()) != shard; });
    far[shard] = far[shard] || !elsewhere.empty();
    part.shard = shard;
    part.places.push_back(i);
    part.jobs.push_back(std::move(jobs[i]));
  }
  std::vector<Task<std::vector<queue::Enqueued>>> calls;
  std::vector<std::vector<std::size_t>> places;
  for (Part& part : parts) {
    if (part.jobs.empty()) continue;
    places.push_back(part.places);
    calls.push_back(enqueue_part(std::move(part)));
  }
  const std::vector<std::vector<queue::Enqueued>> answers = co_await gather(std::move(calls));
  for (std::size_t k = 0; k < answers.size(); ++k)
    for (std::size_t i = 0; i < answers[k].size(); ++i) verdicts[places[k][i]] = answers[k][i];
}

/// In runs of those that wait for nothing elsewhere and of those that do, so that each finds what stands
/// before it.
Task<std::vector<queue::Enqueued>> Shards::enqueue_part(Part part) {
  std::vector<queue::Enqueued> verdicts;
  for (std::size_t from = 0; from < part.jobs.size();) {
    const bool waits_far = !part.far[from].empty();
    std::vector<queue::JobSpec> run;
    std::vector<std::vector<FarJob>> far;
    for (; from < part.jobs.size() && !part.far[from].empty() == waits_far; ++from) {
      run.push_back(std::move(part.jobs[from]));
      far.push_back(std::move(part.far[from]));
    }
    std::vector<queue::Enqueued> answers;
    if (waits_far) {
      Task<std::vector<queue::Enqueued>> call = at(part.shard).enqueue_far(std::move(run), std::move(far));
      answers = co_await std::move(call);
    } else {
      answers = co_await at(part.shard).enqueue(std::move(run));
    }
    verdicts.insert(verdicts.end(), answers.begin(), answers.end());
  }
  co_return verdicts;
}

Task<std::vector<std::uint32_t>> Shards::forward(std::uint32_t from, queue::Milliseconds ahead) {
  std::vector<std::uint32_t> reached;
  if (size() == 1) co_return reached;
  Task<void> work = carry(from, ahead, reached);
  Outcome<void> end = co_await outcome(std::move(work));
  try {
    end.get();
  } catch (const queue::QueueError&) {  // what was not confirmed stays, see outbox.lua
  }
  co_return reached;
}

Task<void> Shards::carry(std::uint32_t from, queue::Milliseconds ahead, std::vector<std::uint32_t>& reached) {
  for (std::size_t got = letters_at_once; got == letters_at_once;) {
    std::vector<Letter> letters = co_await at(from).outbox(ahead);
    got = letters.size();
    std::vector<std::vector<Letter>> by_shard(size());
    for (Letter& letter : letters) by_shard.at(letter.to % size()).push_back(std::move(letter));
    std::vector<Task<std::string>> calls;
    std::vector<std::uint32_t> asked;
    for (std::uint32_t to = 0; to < size(); ++to) {
      if (by_shard[to].empty()) continue;
      asked.push_back(to);
      calls.push_back(at(to).deliver(from, by_shard[to]));
    }
    if (calls.empty()) co_return;
    std::vector<Outcome<std::string>> answers = co_await gather_outcomes(std::move(calls));
    std::vector<Letter> answered;
    std::string verdicts;
    for (std::size_t k = 0; k < asked.size(); ++k) {
      if (!answers[k].has_value()) continue;  // that one is away: again later
      verdicts += answers[k].get();
      reached.push_back(asked[k]);
      std::move(by_shard[asked[k]].begin(), by_shard[asked[k]].end(), std::back_inserter(answered));
    }
    if (answered.empty()) co_return;
    if (verdicts.find('e') != std::string::npos) reached.push_back(from);
    Task<void> noted = at(from).delivered(std::move(answered), std::move(verdicts));
    co_await std::move(noted);
  }
}

}  // namespace coterie::brokers::redis
