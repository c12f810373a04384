#include "src/brokers/redis/wakes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "coterie/timeout.hpp"
#include "src/brokers/redis/record.hpp"

namespace coterie::brokers::redis {
namespace {

/// Workers come and go, and nobody says that one has ended.
constexpr std::size_t sleepers_kept = 64;
constexpr Duration kept_for = std::chrono::minutes(10);

/// A look may be asked for so much later; and so many of one worker are kept in mind.
constexpr Duration look_latest = std::chrono::seconds(10);
constexpr std::size_t guarded_most = 1024;

using JobParts = std::array<std::string_view, 3>;  // queue, handler, how often it may be passed on

JobParts parts_of(std::string_view job) {
  JobParts parts;
  for (std::size_t i = 0; i < parts.size() && !job.empty(); ++i) {
    parts[i] = job.substr(0, job.find('\n'));
    job.remove_prefix(std::min(job.size(), parts[i].size() + 1));
  }
  return parts;
}

}  // namespace

Wakes::Wakes(Shards& shards, Watch& watch) : shards_(shards), watch_(watch), process_(queue::new_uuid()) {}

void Wakes::asks(const queue::CycleRequest& request) {
  const SleeperPtr self = sleeper(request.worker.incarnation);
  self->by_every_change = request.queues.size() > most_places;
  if (request.queues.size() * request.names.size() <= most_places)
    self->handlers.clear();
  else if (self->handlers != request.names)
    self->handlers = request.names;
}

std::vector<bool> Wakes::take_told(const queue::Uuid& worker) {
  const SleeperPtr asking = sleeper(worker);
  asking->told_any = false;  // what it is told from now on may have come too late for this call
  return std::exchange(asking->told, std::vector<bool>(shards_.size()));
}

std::string Wakes::channel_for(const queue::Uuid& worker, std::uint32_t shard) {
  const bool hears = !subscriptions_.empty() && subscriptions_[shard]->listening();
  return hears && !sleeper(worker)->by_every_change ? shards_.at(shard).channel_of(process_) : std::string();
}

Task<std::uint64_t> Wakes::changed(queue::Uuid worker, std::uint64_t seen, queue::Milliseconds at_most) {
  const SleeperPtr self = sleeper(worker);
  if (self->by_every_change) {
    const std::uint64_t version = co_await watch_.changed(seen, at_most);
    co_return version;
  }
  listen();
  if (!self->told_any && at_most > queue::Milliseconds{0}) {
    auto until_told = [](SleeperPtr told) -> Task<void> { co_await told->change.wait(); };
    Task<void> limited = wait_for(at_most, until_told(self));
    Outcome<void> end = co_await outcome(std::move(limited));
    if (end.cancelled()) {
      sleepers_.erase(worker);  // it ends: what it is told of from now on is passed on
      end.get();
    }
  }
  self->used = EventLoop::current().now();
  co_return self->told_any ? seen + 1 : seen;
}

Task<void> Wakes::close() {
  for (const std::unique_ptr<Subscription>& subscription : subscriptions_) co_await subscription->close();
  co_await passes_.close();
}

Wakes::SleeperPtr Wakes::sleeper(const queue::Uuid& worker) {
  const TimePoint now = EventLoop::current().now();
  SleeperPtr& place = sleepers_[worker];
  SleeperPtr found = place;
  if (!found) {
    place = found = std::make_shared<Sleeper>();
    found->told.resize(shards_.size());
    if (sleepers_.size() > sleepers_kept)
      std::erase_if(sleepers_, [&](const auto& each) {
        return each.second.use_count() == 1 && each.second->used + kept_for < now;
      });
  }
  found->used = now;
  return found;
}

void Wakes::listen() {
  if (!subscriptions_.empty()) return;
  for (std::uint32_t i = 0; i < shards_.size(); ++i) {
    const auto message = [this, i](std::string_view payload) { take_message(i, payload); };
    // What was told before went by; and who has asked before could not be written down.
    const auto connected = [this, i] { tell_all(i); };
    Shard& shard = shards_.at(i);
    subscriptions_.push_back(shard.listen(shard.channel_of(process_), message, connected));
  }
}

bool Wakes::Sleeper::can_run(std::string_view job) const {
  return handlers.empty() || job.empty() ||
         std::find(handlers.begin(), handlers.end(), parts_of(job)[1]) != handlers.end();
}

/// A worker's incarnation, then what it is told of: see pass_on; or nothing.
void Wakes::take_message(std::uint32_t shard, std::string_view payload) {
  if (payload.size() < id_bytes) return;
  const auto found = sleepers_.find(uuid_of(payload.substr(0, id_bytes)));
  const std::string_view what = payload.substr(id_bytes);
  if (what.starts_with('\n')) {
    if (found != sleepers_.end()) take_guard(shard, found->second, what.substr(1));
    return;
  }
  const bool asks_for_it = found != sleepers_.end() && !found->second->told[shard];
  const bool can_run_it = asks_for_it && found->second->can_run(what);
  // Also where it cannot: it is written down no more, and must ask to be so again.
  if (asks_for_it) tell(*found->second, shard);
  // It has gone, or was told before and is still to ask, so that this job may be one too many for it.
  if (!can_run_it && !what.empty()) passes_.spawn(&Wakes::pass_on, this, shard, std::string(what));
}

/// `what`: a stream at which to look, and behind a line's end after how many milliseconds; without, it is no
/// more to look there.
void Wakes::take_guard(std::uint32_t shard, const SleeperPtr& sleeper, std::string_view what) {
  const auto [stream, after, rest] = parts_of(what);
  if (after.empty()) {
    sleeper->guarded.erase({shard, std::string(stream)});
    return;
  }
  std::int64_t count = 0;
  std::from_chars(after.data(), after.data() + after.size(), count);
  const Duration delay = std::clamp<Duration>(queue::Milliseconds(count), Duration::zero(), look_latest);
  if (sleeper->guarded.size() >= guarded_most) return;
  if (!sleeper->guarded.emplace(shard, stream).second) return;  // it looks sooner than that
  passes_.spawn(&Wakes::look_later, sleeper, shard, std::string(stream), delay);
}

Task<void> Wakes::look_later(SleeperPtr sleeper, std::uint32_t shard, std::string stream, Duration after) {
  co_await sleep(after);
  if (sleeper->guarded.erase({shard, std::move(stream)}) > 0) tell(*sleeper, shard);
}

/// Where the server is away nobody is told: whoever asks next will see the job.
Task<void> Wakes::pass_on(std::uint32_t shard, std::string job) {
  const auto [queue, handler, times] = parts_of(job);
  Task<void> passing = shards_.at(shard).pass(std::string(queue), std::string(handler), std::string(times));
  const Outcome<void> end = co_await outcome(std::move(passing));
  try {
    end.get();
  } catch (const queue::QueueError&) {
  }
}

void Wakes::tell_all(std::uint32_t shard) {
  for (const auto& [worker, sleeper] : sleepers_) tell(*sleeper, shard);
}

void Wakes::tell(Sleeper& sleeper, std::uint32_t shard) {
  sleeper.told[shard] = sleeper.told_any = true;
  sleeper.change.set();
  sleeper.change.clear();
}

}  // namespace coterie::brokers::redis
