#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "coterie/queue/client.hpp"
#include "tests/simulation/queue/faulty_broker.hpp"
#include "tests/simulation/queue/people.hpp"

namespace coterie::simulation {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace): all that is simulated here

namespace {

Plan draw_plan(World& world) {
  Random& random = world.random;
  Plan plan;
  plan.takes = Milliseconds(random.one_in(3) ? 0 : random.below(60));
  switch (random.below(16)) {
    case 0:
    case 1:
    case 2:
      plan.act = Act::fails;
      plan.times = static_cast<std::uint32_t>(1 + random.below(4));
      break;
    case 3:
      plan.act = Act::gives_up;
      break;
    case 4:
      plan.act = Act::lasts;
      break;
    case 5:
    case 6:
      plan.act = Act::stubborn;
      break;
    case 7:
      if (!random.one_in(3)) break;
      plan.act = Act::kills;
      plan.times = static_cast<std::uint32_t>(1 + random.below(5));
      break;
    case 8:
      if (world.blocks_loop) plan.act = Act::blocks;
      break;
    default:
      break;
  }
  return plan;
}

JobSpec draw_job(World& world, std::uint32_t number, std::uint32_t first) {
  Random& random = world.random;
  JobSpec spec(random.one_in(4) ? "rare" : "common", std::to_string(number));
  spec.result_ttl = std::chrono::days(365);  // the clock jumps often, by up to an hour
  spec.id = id_of(number);
  spec.priority = static_cast<int>(random.below(3)) - 1;
  spec.max_attempts = static_cast<std::uint32_t>(1 + random.below(4));
  spec.max_crashes = static_cast<std::uint32_t>(1 + random.below(2));
  spec.backoff.base = Milliseconds(random.below(300));
  spec.backoff.jitter = 0;  // drawn by the store, from no seed
  if (random.one_in(5)) spec.delay = Milliseconds(random.below(2000));
  if (random.one_in(10)) spec.timeout = Milliseconds(1 + random.below(100));
  if (random.one_in(12)) spec.expires_at = world.wall() + static_cast<UnixMillis>(random.below(1000));
  if (number > first && random.one_in(4))
    for (std::uint64_t left = 1 + random.below(3); left > 0; --left)
      spec.after.push_back(id_of(first + static_cast<std::uint32_t>(random.below(number - first))));
  world.plans[spec.id] = draw_plan(world);
  return spec;
}

/// Until it is confirmed; a producer that gives up leaves open whether its jobs are there.
Task<bool> enqueue(std::shared_ptr<World> world, Client client, std::vector<JobSpec> batch) {
  for (;;) {
    std::vector<JobSpec> copy(batch);
    Task<std::vector<JobId>> call = client.enqueue(std::move(copy));
    const Outcome<std::vector<JobId>> end = co_await outcome(std::move(call));
    if (end.has_value()) {
      world->ledger().confirmed(end.get());
      co_return true;
    }
    try {
      std::rethrow_exception(end.error());
    } catch (const BrokerUnavailable&) {
      if (!world->calm && world->random.one_in(6)) co_return false;
    }
    co_await sleep(Milliseconds(10 + world->random.below(100)));
  }
}

Task<void> wait_for_one(std::shared_ptr<World> world, std::shared_ptr<FaultyBroker> link, Client client,
                        JobId id) {
  const double since = world->elapsed_ms();
  Task<JobInfo> call = client.wait(id);
  const Outcome<JobInfo> end = co_await outcome(std::move(call));
  if (end.has_value()) {
    if (link->disturbed_at() < since) world->ledger().told_the_end(end.get(), since);
    co_return;
  }
  try {
    std::rethrow_exception(end.error());
  } catch (const BrokerUnavailable&) {
    // The first look is not repeated.
  }
}

}  // namespace

Task<void> produce(std::shared_ptr<World> world, std::string name, std::uint32_t first, std::uint32_t jobs) {
  const auto link = std::make_shared<FaultyBroker>(world, name);
  const Client client(link);
  const std::uint32_t end = first + jobs;
  std::vector<JobId> sure;
  for (std::uint32_t next = first; next < end;) {
    std::vector<JobSpec> batch;
    const std::uint32_t until =
        std::min<std::uint32_t>(end, next + 1 + static_cast<std::uint32_t>(world->random.below(5)));
    // Only on those that are there for certain, or stand in the same batch.
    const std::uint32_t here = next;
    for (; next < until; ++next) {
      JobSpec spec = draw_job(*world, next, first);
      std::erase_if(spec.after, [&](const JobId& id) {
        return id < id_of(here) && std::find(sure.begin(), sure.end(), id) == sure.end();
      });
      batch.push_back(std::move(spec));
    }
    std::vector<JobId> ids;
    for (const JobSpec& spec : batch) ids.push_back(spec.id);
    Task<bool> call = enqueue(world, client, std::move(batch));
    const bool there = co_await std::move(call);
    if (there) sure.insert(sure.end(), ids.begin(), ids.end());
    if (there && world->random.one_in(2)) {
      Task<void> wait = wait_for_one(world, link, client, ids.front());
      co_await std::move(wait);
    }
    co_await sleep(Milliseconds(world->random.below(400)));
  }
}

Task<void> meddle(std::shared_ptr<World> world, std::uint32_t jobs) {
  const auto link = std::make_shared<FaultyBroker>(world, "somebody");
  Random& random = world->random;
  while (!world->calm) {
    co_await sleep(Milliseconds(50 + random.below(600)));
    std::vector<JobId> ids(1, id_of(1 + static_cast<std::uint32_t>(random.below(jobs))));
    switch (random.below(8)) {
      case 0:
      case 1: {
        Task<std::vector<CancelResult>> call = link->cancel(std::move(ids));
        const Outcome<std::vector<CancelResult>> end = co_await outcome(std::move(call));
        (void)end;
        break;
      }
      case 2:
      case 3: {
        Task<std::vector<bool>> call = link->retry(std::move(ids));
        const Outcome<std::vector<bool>> end = co_await outcome(std::move(call));
        (void)end;
        break;
      }
      case 4:
        if (world->roughness != 0)
          world->go_away(
              Milliseconds(random.below(static_cast<std::uint64_t>(world->lease.count()) * 3 / 2)));
        break;
      case 5:
        if (world->sets_clock)
          world->step_clock(random.one_in(2) ? Milliseconds(random.below(60'000))
                                             : -Milliseconds(random.below(1000)));
        break;
      default:
        break;
    }
  }
}

}  // namespace coterie::simulation
