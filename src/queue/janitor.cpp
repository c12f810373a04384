#include "src/queue/janitor.hpp"

#include <algorithm>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/loop.hpp"

namespace coterie::queue {
namespace {

constexpr Duration look_every = std::chrono::minutes(1);
constexpr Duration warn_every = std::chrono::hours(1);
/// In one call, so that others get at the broker in between.
constexpr std::uint64_t forget_at_once = 1000;
/// So long in one look, for its worker is to be heard of meanwhile; the next one goes on.
constexpr Duration forget_for = std::chrono::seconds(5);

std::uint64_t dead_in(const QueueInfo& queue) {
  const auto found = queue.counts.find(JobState::dead);
  return found == queue.counts.end() ? 0 : found->second;
}

std::string jobs(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " dead job" : " dead jobs");
}

}  // namespace

Janitor::Janitor(std::shared_ptr<Broker> broker, const WorkerOptions& options, std::shared_ptr<Pulse> pulse,
                 Warn warn)
    : broker_(std::move(broker)),
      pulse_(std::move(pulse)),
      warn_(std::move(warn)),
      queues_(options.queues()),
      most_(options.dead_jobs()) {}

Task<void> Janitor::tidy() {
  const TimePoint now = EventLoop::current().now();
  const std::uint64_t deaths = pulse_->deaths();
  if (most_ == 0 || deaths == deaths_ || now < next_look_) co_return;
  next_look_ = now + look_every;
  Task<std::vector<QueueInfo>> asking = broker_->queues();
  Outcome<std::vector<QueueInfo>> asked = co_await outcome(std::move(asking));
  if (asked.cancelled()) (void)asked.get();
  if (!asked.has_value()) co_return;
  deaths_ = deaths;
  const TimePoint until = EventLoop::current().now() + forget_for;
  for (const QueueInfo& queue : asked.get()) {
    const bool ours = std::find(queues_.begin(), queues_.end(), queue.name) != queues_.end();
    const std::uint64_t dead = dead_in(queue);
    if (!ours || dead == 0) continue;
    Task<void> looking = look_at(queue.name, dead, until);
    co_await std::move(looking);
  }
  if (EventLoop::current().now() < until) co_return;
  deaths_.reset();
  next_look_ = now;
}

Task<void> Janitor::look_at(std::string queue, std::uint64_t dead, TimePoint until) {
  const std::string limit =
      std::to_string(most_) + " (WorkerOptions::dead_jobs(), coterie worker --dead-jobs)";
  if (dead > most_) {
    Task<std::uint64_t> forgetting = forget_oldest(queue, dead - most_, until);
    const std::uint64_t forgotten = co_await std::move(forgetting);
    if (forgotten > 0)
      warn_("queue '" + queue + "' had " + jobs(dead) + ", more than " + limit + ": the oldest " +
            std::to_string(forgotten) +
            " were forgotten before their result_ttl was over; `coterie jobs --state dead` shows the "
            "others, and what they died of");
    co_return;
  }
  const TimePoint now = EventLoop::current().now();
  TimePoint& again = warn_again_.try_emplace(queue, TimePoint::min()).first->second;
  if (now < again) co_return;
  again = now + warn_every;
  warn_("queue '" + queue + "' has " + jobs(dead) +
        ": each is forgotten when its result_ttl is over, and the oldest where there are more than " + limit +
        "; `coterie jobs --state dead` shows them, `coterie retry` runs them again");
}

Task<std::uint64_t> Janitor::forget_oldest(std::string queue, std::uint64_t count, TimePoint until) {
  std::uint64_t forgotten = 0;
  while (forgotten < count && EventLoop::current().now() < until) {
    JobFilter filter;
    filter.state = JobState::dead;
    filter.queue = queue;
    filter.limit = static_cast<std::uint32_t>(
        std::min({count - forgotten, forget_at_once, std::uint64_t{broker_->limits().batch_jobs}}));
    Task<std::uint64_t> purging = broker_->purge(std::move(filter));
    Outcome<std::uint64_t> purged = co_await outcome(std::move(purging));
    if (purged.cancelled()) (void)purged.get();
    if (!purged.has_value() || purged.get() == 0) break;
    forgotten += purged.get();
  }
  co_return forgotten;
}

}  // namespace coterie::queue
