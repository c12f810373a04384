#include "coterie/await_outcome.hpp"
#include "coterie/queue/worker.hpp"
#include "tests/simulation/queue/faulty_broker.hpp"
#include "tests/simulation/queue/people.hpp"

namespace coterie::simulation {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace): all that is simulated here

namespace {

/// A run, as the ledger sees it.
class Shift {
 public:
  Shift(World& world, const FaultyBroker& link, std::string life, const JobContext& job)
      : world_(world), link_(link), life_(std::move(life)), job_(job) {
    if (!link_.dead()) world_.ledger().run_began(life_, job_);
  }
  Shift(const Shift&) = delete;
  Shift& operator=(const Shift&) = delete;
  ~Shift() { world_.ledger().run_ended(life_, job_); }
  void returns(const std::string& result) {
    if (!link_.dead()) world_.ledger().run_returned(job_, result);
  }

 private:
  World& world_;
  const FaultyBroker& link_;
  const std::string life_;
  const JobContext& job_;
};

class SimulatedHandler final : public Handler {
 public:
  SimulatedHandler(std::shared_ptr<World> world, std::shared_ptr<FaultyBroker> link, std::string life)
      : world_(std::move(world)), link_(std::move(link)), life_(std::move(life)) {}

  Task<std::string> run(JobContext& job) override {
    Shift shift(*world_, *link_, life_, job);
    Plan& plan = world_->plans.at(job.id());
    if (plan.takes > Milliseconds{0}) co_await sleep(plan.takes);
    job.progress(0.5, "half of it");
    switch (plan.act) {
      case Act::succeeds:
        break;
      case Act::fails:
        if (job.attempt() <= plan.times) throw std::runtime_error("not this time");
        break;
      case Act::gives_up:
        throw PermanentError("never");
      case Act::lasts:
        co_await sleep(world_->lease * 9 / 4);
        break;
      case Act::stubborn: {
        const Outcome<void> first = co_await outcome(sleep(world_->lease));
        if (!first.has_value()) {
          const Outcome<void> second = co_await outcome(sleep(world_->lease / 2));
          (void)second;
        }
        break;
      }
      case Act::kills:
        if (plan.times == 0) break;
        --plan.times;
        if (world_->random.one_in(2)) co_await sleep(world_->lease / 2);
        link_->die();
        co_await sleep(std::chrono::hours(1));
        break;
      case Act::blocks:
        world_->block(world_->lease * 5 / 4);
        break;
    }
    std::string result = "\"" + name_of(job.id()) + " " + std::to_string(job.fence()) + "\"";
    shift.returns(result);
    co_return result;
  }

 private:
  const std::shared_ptr<World> world_;
  const std::shared_ptr<FaultyBroker> link_;
  const std::string life_;
};

/// What it says goes into the story.
class Notes final : public WorkerObserver {
 public:
  Notes(std::shared_ptr<World> world, std::string life) : world_(std::move(world)), life_(std::move(life)) {}
  void log(LogLevel, std::string_view line) override {
    if (world_->story.told()) world_->note(life_, std::string(line));
  }
  void job_started(const JobContext& job) override {
    if (world_->story.told()) world_->note(life_, "runs " + name_of(job.id()));
  }

 private:
  const std::shared_ptr<World> world_;
  const std::string life_;
};

Task<void> serve(Worker* worker) {
  co_await worker->serve();
}

enum class Leave : std::uint8_t { at_closing, killed, drained };

/// One worker's process, from its start to its end.
Task<void> live(std::shared_ptr<World> world, std::string life, bool knows_all) {
  Random& random = world->random;
  const auto link = std::make_shared<FaultyBroker>(world, life);
  const auto concurrency = static_cast<std::uint32_t>(1 + random.below(4));
  WorkerOptions options;
  options.name(life).concurrency(concurrency).lease(world->lease);
  options.grace(Milliseconds(random.below(3) * static_cast<std::uint64_t>(world->lease.count()) / 2));
  options.observer(std::make_shared<Notes>(world, life));
  options.progress_interval(Milliseconds(random.one_in(2) ? 10 : 500));
  Worker worker(link, options);
  const auto handler = std::make_shared<SimulatedHandler>(world, link, life);
  worker.handle_with("common", handler);
  if (knows_all) worker.handle_with("rare", handler);
  world->ledger().life_began(life, concurrency);
  Leave leave = Leave::at_closing;
  TimePoint at = TimePoint::max();
  if (!world->calm && random.one_in(2)) {
    leave = random.one_in(2) ? Leave::killed : Leave::drained;
    at = world->seeded.loop().now() + Milliseconds(random.below(3000));
  }
  world->note(life, "begins, with " + std::to_string(concurrency) + " slots");
  JoinHandle<void> serving = spawn(named(life), serve, &worker);
  while (!link->dead() && !world->closing && !serving.done() && world->seeded.loop().now() < at)
    co_await link->wakeup.until(std::min(at, world->seeded.loop().now() + std::chrono::seconds(1)));
  if (leave == Leave::killed && !world->closing) link->die();
  if (link->dead()) {
    serving.cancel();
  } else {
    world->note(life, "is told to drain");
    world->ledger().life_over(life, false);
    worker.drain();
  }
  co_await serving.wait();
  bool clean = !link->dead();
  try {
    serving.result();
  } catch (const Died&) {
  } catch (const Cancelled&) {
  } catch (const BrokerUnavailable&) {
    clean = false;  // it stayed away, and the drained worker does not wait for ever
  } catch (const std::exception& error) {
    world->story.wrong(life + " has failed: " + error.what());
  }
  world->note(life, "has ended");
  if (clean) world->ledger().left_nothing(life);
}

}  // namespace

Task<void> employ(std::shared_ptr<World> world, std::uint32_t place) {
  for (std::uint32_t number = 1; !world->closing; ++number) {
    const std::string life = "worker " + std::to_string(place) + "." + std::to_string(number);
    const bool knows_all = place == 1 || world->random.one_in(2);
    Task<void> one = live(world, life, knows_all);
    co_await std::move(one);
    if (world->closing) break;
    co_await sleep(Milliseconds(world->random.below(500)));
  }
}

}  // namespace coterie::simulation
