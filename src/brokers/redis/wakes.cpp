#include "src/brokers/redis/wakes.hpp"

#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "coterie/timeout.hpp"
#include "src/brokers/redis/record.hpp"

namespace coterie::brokers::redis {
namespace {

constexpr std::size_t id_bytes = 16;
/// Workers come and go, and nobody says that one has ended.
constexpr std::size_t sleepers_kept = 64;
constexpr Duration kept_for = std::chrono::minutes(10);

}  // namespace

Wakes::Wakes(Shard& shard, Watch& watch)
    : shard_(shard), watch_(watch), channel_(shard.channel_of(queue::new_uuid())) {}

std::string Wakes::channel_for(const queue::CycleRequest& request) {
  const SleeperPtr asking = sleeper(request.worker.incarnation);
  asking->told = false;  // what it is told from now on may have come too late for this call
  asking->by_every_change =
      request.queues.size() * std::max<std::size_t>(request.names.size(), 1) > most_places;
  const bool hears = subscription_ && subscription_->listening();
  return hears && !asking->by_every_change ? channel_ : std::string();
}

Task<std::uint64_t> Wakes::changed(queue::Uuid worker, std::uint64_t seen, queue::Milliseconds at_most) {
  const SleeperPtr self = sleeper(worker);
  if (self->by_every_change) {
    const std::uint64_t version = co_await watch_.changed(seen, at_most);
    co_return version;
  }
  listen();
  if (!self->told && at_most > queue::Milliseconds{0}) {
    auto until_told = [](SleeperPtr told) -> Task<void> { co_await told->change.wait(); };
    Task<void> limited = wait_for(at_most, until_told(self));
    Outcome<void> end = co_await outcome(std::move(limited));
    if (end.cancelled()) {
      sleepers_.erase(worker);  // it ends: what it is told of from now on is passed on
      end.get();
    }
  }
  self->used = EventLoop::current().now();
  co_return self->told ? seen + 1 : seen;
}

Task<void> Wakes::close() {
  if (subscription_) co_await subscription_->close();
  co_await passes_.close();
}

Wakes::SleeperPtr Wakes::sleeper(const queue::Uuid& worker) {
  const TimePoint now = EventLoop::current().now();
  SleeperPtr& place = sleepers_[worker];
  SleeperPtr found = place;
  if (!found) {
    place = found = std::make_shared<Sleeper>();
    if (sleepers_.size() > sleepers_kept)
      std::erase_if(sleepers_, [&](const auto& each) {
        return each.second.use_count() == 1 && each.second->used + kept_for < now;
      });
  }
  found->used = now;
  return found;
}

void Wakes::listen() {
  if (subscription_) return;
  const auto message = [this](std::string_view payload) { take_message(payload); };
  // What was told before went by; and who has asked before could not be written down.
  const auto connected = [this] { tell_all(); };
  subscription_ = shard_.listen(channel_, message, connected);
}

/// A worker's incarnation, then what it is told of: "queue\nhandler", or nothing.
void Wakes::take_message(std::string_view payload) {
  if (payload.size() < id_bytes) return;
  const auto found = sleepers_.find(uuid_of(payload.substr(0, id_bytes)));
  const std::string_view what = payload.substr(id_bytes);
  if (found != sleepers_.end() && !found->second->told) {
    tell(*found->second);
  } else if (const std::size_t end = what.find('\n'); end != std::string_view::npos) {
    // It has gone, or was told before and is still to ask: this job may be one too many for it.
    passes_.spawn(&Wakes::pass_on, this, std::string(what.substr(0, end)), std::string(what.substr(end + 1)));
  }
}

/// Where the server is away nobody is told: whoever asks next will see the job.
Task<void> Wakes::pass_on(std::string queue, std::string handler) {
  Task<void> passing = shard_.pass(std::move(queue), std::move(handler));
  const Outcome<void> end = co_await outcome(std::move(passing));
  try {
    end.get();
  } catch (const queue::QueueError&) {
  }
}

void Wakes::tell_all() {
  for (const auto& [worker, sleeper] : sleepers_) tell(*sleeper);
}

void Wakes::tell(Sleeper& sleeper) {
  sleeper.told = true;
  sleeper.change.set();
  sleeper.change.clear();
}

}  // namespace coterie::brokers::redis
