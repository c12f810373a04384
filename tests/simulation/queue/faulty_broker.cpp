#include "tests/simulation/queue/faulty_broker.hpp"

#include "coterie/await_outcome.hpp"
#include "src/queue/beat.hpp"

namespace coterie::simulation {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace): all that is simulated here

namespace {

/// A call that was held up somewhere: whoever made it has long gone on, or died.
template <class Request>
Task<void> arrive_late(std::shared_ptr<World> world, Request request, Milliseconds delay) {
  co_await sleep(delay);
  world->note("network", "a late copy arrives");
  try {
    (void)world->apply(request);
  } catch (const BadRequest&) {
    // Of a call that was answered long ago.
  }
  --world->late_copies;
}

}  // namespace

void FaultyBroker::die() {
  if (dead_) return;
  dead_ = true;
  world_->note(process_, "dies");
  world_->ledger().life_over(process_, true);
  wakeup.notify();
}

void FaultyBroker::check_alive() const {
  if (dead_) throw Died();
}

void FaultyBroker::disturb(double for_ms) {
  disturbed_at_ = world_->elapsed_ms() + for_ms;
  world_->ledger().disturbed(process_, disturbed_at_);
}

void FaultyBroker::fail(const char* what) {
  disturb(0);
  world_->note(process_, what);
  throw BrokerUnavailable(what);
}

template <class Request>
Task<FaultyBroker::Reply<Request>> FaultyBroker::carry(Request request) {
  check_alive();
  const Fate fate = world_->fate();
  if (fate.slow) disturb(0);
  if (fate.copy > Milliseconds{0}) {
    ++world_->late_copies;
    Request copy(request);
    spawn(named("late copy"), arrive_late<Request>, world_, std::move(copy), fate.copy);
  }
  if (fate.before > Milliseconds{0}) co_await sleep(fate.before);
  check_alive();
  if (fate.refused || world_->away()) fail("a call was not applied");
  Reply<Request> reply = world_->apply(request);
  if (fate.after > Milliseconds{0}) co_await sleep(fate.after);
  check_alive();
  if (fate.lost || world_->away()) fail("a call was applied and its reply lost");
  // What a worker plans by a reply that took long is as late as the reply.
  if (fate.slow) disturb(static_cast<double>(looks_every(world_->lease).count()));
  if constexpr (std::is_same_v<Request, CycleRequest>) world_->ledger().answered(process_, request, reply);
  co_return reply;
}

Task<std::vector<Enqueued>> FaultyBroker::enqueue(std::vector<JobSpec> jobs) {
  return carry(std::move(jobs));
}
Task<CycleReply> FaultyBroker::cycle(CycleRequest request) {
  return carry(std::move(request));
}
Task<std::vector<std::optional<JobInfo>>> FaultyBroker::get(std::vector<JobId> ids, bool bodies) {
  return carry(World::Get{std::move(ids), bodies});
}
Task<std::vector<CancelResult>> FaultyBroker::cancel(std::vector<JobId> ids) {
  return carry(World::Cancel{std::move(ids)});
}
Task<std::vector<bool>> FaultyBroker::retry(std::vector<JobId> ids) {
  return carry(World::Retry{std::move(ids)});
}

/// May return early, late by a little, or not at all: a worker then looks again after a second.
Task<std::uint64_t> FaultyBroker::changed(std::uint64_t version, Milliseconds at_most) {
  check_alive();
  const Fate fate = world_->fate();
  if (fate.slow) at_most = std::min(at_most, fate.before + fate.after);
  const double began = world_->elapsed_ms();
  Milliseconds left = at_most;
  std::uint64_t now = version;
  do {  // where the store has forgotten to tell, the next change tells
    version = now;
    Task<std::uint64_t> waits = real_.changed(version, left);
    now = co_await std::move(waits);
    left = at_most - Milliseconds(static_cast<std::int64_t>(world_->elapsed_ms() - began));
  } while (left > Milliseconds{0} && now != version && world_->swallows(now));
  if (fate.after > Milliseconds{0} && !fate.slow) co_await sleep(fate.after);
  check_alive();
  if (fate.refused || world_->away()) {
    disturb(1100);
    throw BrokerUnavailable("changes cannot be heard of");
  }
  co_return now;
}

Task<std::uint64_t> FaultyBroker::version() {
  check_alive();
  co_return world_->store()->version();
}

}  // namespace coterie::simulation
