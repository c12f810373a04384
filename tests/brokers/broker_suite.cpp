#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

Verdict only(const std::vector<Verdict>& verdicts) {
  EXPECT_EQ(verdicts.size(), 1U);
  return verdicts.empty() ? Verdict::unknown : verdicts[0];
}

}  // namespace

const char* name_of(Fate fate) {
  switch (fate) {
    case Fate::lost_before:
      return "lost before it arrived";
    case Fate::reply_lost:
      return "applied, the reply lost";
    case Fate::repeated_late:
      return "repeated late";
    case Fate::repeated_after_restart:
      return "repeated after a restart";
  }
  return "?";
}

std::vector<JobId> ids_of(const std::vector<Lease>& leases) {
  std::vector<JobId> ids;
  for (const Lease& lease : leases) ids.push_back(lease.ref.id);
  return ids;
}

void BrokerSuite::reopen(const Limits& limits) {
  broker_.reset();
  fixture_ = GetParam().make();
  limits_ = limits;
  broker_ = fixture_->open(clock_, limits_);
}

void BrokerSuite::restart() {
  if (GetParam().survives_restart) broker_.reset();
  broker_ = fixture_->open(clock_, limits_);
}

JobSpec BrokerSuite::job(std::string name) {
  JobSpec spec(std::move(name), "{}");
  spec.id = new_uuid();
  spec.backoff.jitter = 0;
  return spec;
}

std::vector<Enqueued> BrokerSuite::enqueue(std::vector<JobSpec> jobs) {
  return await(broker().enqueue(std::move(jobs)));
}
CycleReply BrokerSuite::cycle(CycleRequest request) {
  return await(broker().cycle(std::move(request)));
}
std::vector<Verdict> BrokerSuite::extend(const TestWorker& worker, std::vector<LeaseRef> leases) {
  return await(broker().extend(worker.ref().incarnation, std::move(leases), worker.lease));
}
std::vector<std::optional<JobInfo>> BrokerSuite::get(std::vector<JobId> ids, bool bodies) {
  return await(broker().get(std::move(ids), bodies));
}
JobPage BrokerSuite::list(JobFilter filter) {
  return await(broker().list(std::move(filter)));
}
std::vector<JobInfo> BrokerSuite::recently_ended(std::uint32_t limit) {
  return await(broker().recently_ended(limit));
}
std::vector<QueueInfo> BrokerSuite::queues() {
  return await(broker().queues());
}
std::vector<CancelResult> BrokerSuite::cancel(std::vector<JobId> ids) {
  return await(broker().cancel(std::move(ids)));
}
bool BrokerSuite::retry(const JobId& id) {
  return await(broker().retry({id})).at(0);
}
std::uint64_t BrokerSuite::purge(JobFilter filter) {
  return await(broker().purge(std::move(filter)));
}
std::optional<std::string> BrokerSuite::get_note(std::string key) {
  return await(broker().get_note(std::move(key)));
}
bool BrokerSuite::put_note(std::string key, std::optional<std::string> expected, std::string value) {
  return await(broker().put_note(std::move(key), std::move(expected), std::move(value)));
}
std::uint64_t BrokerSuite::version() {
  return await(broker().version());
}

JobId BrokerSuite::enqueue_one(JobSpec spec) {
  const JobId id = spec.id;
  EXPECT_EQ(enqueue({std::move(spec)}), std::vector{Enqueued::created});
  return id;
}

std::vector<Lease> BrokerSuite::take(TestWorker& worker, std::uint32_t want) {
  return cycle(worker.next(want)).leases;
}

Lease BrokerSuite::take_one(TestWorker& worker) {
  std::vector<Lease> leases = take(worker, 1);
  EXPECT_EQ(leases.size(), 1U);
  return leases.empty() ? Lease{} : std::move(leases[0]);
}

Verdict BrokerSuite::done(TestWorker& worker, const LeaseRef& lease, std::string result) {
  CycleRequest request = worker.next();
  request.done.emplace_back(lease, std::move(result));
  return only(cycle(std::move(request)).done);
}

Verdict BrokerSuite::fail(TestWorker& worker, const LeaseRef& lease, FailKind kind, Milliseconds delay) {
  CycleRequest request = worker.next();
  request.failed.emplace_back(lease, kind, JobError("exception", "it did not work"));
  request.failed.back().delay = delay;
  return only(cycle(std::move(request)).failed);
}

Verdict BrokerSuite::alive(TestWorker& worker, const LeaseRef& lease, bool* cancelled) {
  CycleRequest request = worker.next();
  request.alive.emplace_back(lease);
  const CycleReply reply = cycle(std::move(request));
  if (cancelled != nullptr) *cancelled = reply.cancel == std::vector{lease.id};
  return only(reply.alive);
}

std::optional<JobInfo> BrokerSuite::info(const JobId& id, bool bodies) {
  return get({id}, bodies).at(0);
}

JobState BrokerSuite::state(const JobId& id) {
  const std::optional<JobInfo> found = info(id);
  EXPECT_TRUE(found.has_value()) << "no job " << id.str();
  return found ? found->state : JobState::throttled;
}

std::uint64_t BrokerSuite::count(JobState wanted, const std::string& queue) {
  for (const QueueInfo& found : queues()) {
    if (found.name != queue) continue;
    const auto place = found.counts.find(wanted);
    return place == found.counts.end() ? 0 : place->second;
  }
  return 0;
}

void BrokerSuite::pass(Milliseconds time) {
  clock_.advance(time);
  TestWorker passer("passer");
  cycle(passer.next());
}

bool BrokerSuite::crash(const JobId& id, bool alone) {
  TestWorker worker("doomed");
  CycleRequest request = worker.next(1);
  request.alone = alone;
  const CycleReply reply = cycle(std::move(request));
  EXPECT_EQ(ids_of(reply.leases), std::vector{id});
  if (reply.leases.size() != 1) return false;
  EXPECT_EQ(alive(worker, reply.leases[0].ref), Verdict::accepted);
  pass(worker.lease + Milliseconds{1});
  return reply.leases[0].alone;
}

void BrokerSuite::others_go_on() {
  JobSpec spec = job("other");
  spec.queue = "others";
  enqueue_one(spec);
  clock_.advance(Milliseconds{100});
  TestWorker other("other");
  for (const Lease& lease : cycle(other.next(1, {"others"})).leases) done(other, lease.ref);
  put_note("others", std::nullopt, "were here");
}

}  // namespace broker_suite
