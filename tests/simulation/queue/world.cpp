#include "tests/simulation/queue/world.hpp"

#include <algorithm>
#include <array>

namespace coterie::simulation {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace): all that is simulated here

namespace {

template <class T, std::size_t N>
T one_of(Random& random, const std::array<T, N>& all) {
  return all[random.below(N)];
}

}  // namespace

World::World(SeededLoop& loop, bool told)
    : seeded(loop),
      random(loop.random().fork()),
      story(told),
      roughness(one_of(random, std::array<std::uint32_t, 4>{0, 24, 12, 6})),
      lease(one_of(random, std::array<int, 3>{1500, 3000, 15000})),
      sets_clock(random.one_in(4)),
      blocks_loop(random.one_in(6)),
      ledger_(story, !sets_clock && !blocks_loop, lease),
      store_(std::make_shared<brokers::memory::Store>([this] { return read_clock(); })) {}

double World::elapsed_ms() const {
  return seeded.seconds() * 1000;
}

ClockReading World::read_clock() const {
  const Milliseconds passed = std::chrono::floor<Milliseconds>(seeded.loop().now().time_since_epoch());
  return ClockReading{1'800'000'000'000 + (passed + wall_offset_).count(), passed};
}

void World::step_clock(Milliseconds by) {
  note("somebody", "sets the clock by " + std::to_string(by.count()) + " ms");
  wall_offset_ += by;
}

void World::block(Milliseconds time) {
  note("somebody", "blocks the loop for " + std::to_string(time.count()) + " ms");
  seeded.block_for(time);
}

void World::note(const std::string& who, const std::string& what) {
  if (story.told()) story.add(std::to_string(elapsed_ms()) + " " + who + ": " + what);
}

void World::tick() {
  ledger().tick(read_clock());
}

Ledger& World::ledger() {
  ledger_.set_time(elapsed_ms());
  return ledger_;
}

std::vector<Enqueued> World::apply(const std::vector<JobSpec>& jobs) {
  tick();
  const std::vector<Enqueued> verdicts = store_->enqueue(std::vector<JobSpec>(jobs), Limits());
  if (story.told()) {
    std::string line = "enqueue";
    for (std::size_t i = 0; i < jobs.size(); ++i)
      line += ", " + name_of(jobs[i].id) + (verdicts.at(i) == Enqueued::exists ? " (exists)" : "");
    note("broker", line);
  }
  ledger_.enqueued(jobs, verdicts);
  return verdicts;
}

namespace {

std::string in_words(const CycleRequest& request, const CycleReply& reply) {
  std::string line = request.worker.name + " #" + std::to_string(request.seq) + " wants " +
                     std::to_string(request.want) + (request.alone ? " alone" : "") +
                     (reply.repeated ? " (repeated)" : "");
  const auto settled = [&line](const char* what, const LeaseRef& lease, const std::vector<Verdict>& verdicts,
                               std::size_t i) {
    line += std::string("; ") + what + " " + name_of(lease.id) + ":" + std::to_string(lease.token) + " " +
            std::string(i < verdicts.size() ? to_string(verdicts[i]) : "?");
  };
  for (std::size_t i = 0; i < request.done.size(); ++i) settled("done", request.done[i].lease, reply.done, i);
  for (std::size_t i = 0; i < request.failed.size(); ++i)
    settled("failed", request.failed[i].lease, reply.failed, i);
  for (std::size_t i = 0; i < request.alive.size(); ++i)
    settled("alive", request.alive[i].lease, reply.alive, i);
  for (const Lease& lease : reply.leases)
    line += "; gets " + name_of(lease.ref.id) + ":" + std::to_string(lease.ref.token);
  return line;
}

}  // namespace

/// The store's part of a cycle, with the world's bug.
CycleReply World::play(const CycleRequest& request) {
  const bool old_tokens = bug == Bug::settles_by_old_tokens || bug == Bug::settles_silently;
  CycleRequest heard(request);
  std::uint64_t& newest = calls_[request.worker.incarnation];
  if (bug == Bug::forgets_seq) heard.seq = newest + 1;
  if (old_tokens) heard.seq *= 1000;  // between two there is room for others
  newest = std::max(newest, heard.seq);
  CycleReply reply = store_->cycle(std::move(heard), Limits());
  if (!old_tokens || reply.repeated) return reply;
  for (std::size_t i = 0; i < request.done.size(); ++i)
    if (reply.done.at(i) == Verdict::fenced && settle_by_old_token(request.done[i]) &&
        bug == Bug::settles_by_old_tokens)
      reply.done[i] = Verdict::accepted;
  for (const Lease& given : reply.leases) holders_[given.ref.id] = Holder{given.ref, request.worker};
  return reply;
}

/// In the name of whoever holds the job, so that it is done in the store.
bool World::settle_by_old_token(const Done& done) {
  const auto found = holders_.find(done.lease.id);
  if (found == holders_.end()) return false;
  const Holder& holder = found->second;
  CycleRequest forged;
  forged.worker = holder.worker;
  forged.seq = ++calls_[holder.worker.incarnation];
  forged.lease = lease;
  forged.done.emplace_back(holder.lease, std::string(done.result));
  return store_->cycle(std::move(forged), Limits()).done.at(0) == Verdict::accepted;
}

bool World::swallows(std::uint64_t version) {
  if (bug != Bug::drops_a_wakeup) return false;
  const auto [entry, is_new] = swallowed_.try_emplace(version, false);
  if (is_new) entry->second = random.one_in(8);
  return entry->second;
}

CycleReply World::apply(const CycleRequest& request) {
  tick();
  CycleReply reply;
  try {
    reply = play(request);
  } catch (const BadRequest&) {
    note("broker", request.worker.name + " #" + std::to_string(request.seq) + " is too old");
    ledger_.refused_old(request);
    throw;
  }
  if (story.told()) note("broker", in_words(request, reply));
  ledger_.cycled(request, reply);
  return reply;
}

std::vector<CancelResult> World::apply(const Cancel& call) {
  tick();
  const std::vector<CancelResult> results = store_->cancel(call.ids);
  if (story.told())
    for (const JobId& id : call.ids) note("broker", "cancel " + name_of(id));
  ledger_.cancelled(call.ids, results);
  return results;
}

std::vector<bool> World::apply(const Retry& call) {
  tick();
  const std::vector<bool> results = store_->retry(call.ids);
  if (story.told())
    for (const JobId& id : call.ids) note("broker", "retry " + name_of(id));
  ledger_.retried(call.ids, results);
  return results;
}

std::vector<std::optional<JobInfo>> World::apply(const Get& call) {
  tick();
  return store_->get(call.ids, call.bodies);
}

Fate World::fate() {
  Fate fate;
  if (random.one_in(3)) fate.before = Milliseconds(1 + random.below(4));
  if (random.one_in(4)) fate.after = Milliseconds(1 + random.below(4));
  if (calm || roughness == 0) return fate;
  fate.refused = random.one_in(roughness);
  fate.lost = random.one_in(roughness);
  const auto leases = static_cast<std::uint64_t>(lease.count());
  if (random.one_in(roughness)) fate.copy = Milliseconds(1 + random.below(leases * 3 / 2));
  if (random.one_in(std::uint64_t{roughness} * 3)) {
    fate.slow = true;
    (random.one_in(2) ? fate.before : fate.after) = Milliseconds(leases / 4 + random.below(leases * 2));
  }
  return fate;
}

}  // namespace coterie::simulation
