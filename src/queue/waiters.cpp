#include "src/queue/waiters.hpp"

#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"

namespace coterie::queue {
namespace {

constexpr Milliseconds change_at_most{60'000};
constexpr Duration broker_may_be_away = std::chrono::seconds(30);
constexpr Duration retry_every = std::chrono::milliseconds(250);
constexpr Duration pause_limit = std::chrono::milliseconds(20);
/// A look that took longer says that the broker or this process stood still, and not how busy the broker is.
constexpr Duration look_limit = std::chrono::milliseconds(500);
constexpr std::size_t ids_per_call = 1000;
constexpr std::size_t few_ids = 4;

using Found = std::vector<std::optional<JobInfo>>;

/// What a look costs grows with the jobs it asks for: it waits until it is worth it, and leaves room for what
/// does the work. Of looks that found nothing the first two are free.
Duration pause_after(std::uint32_t fruitless, std::size_t asked, std::size_t ended, Duration took) {
  Duration pause = std::chrono::microseconds(30) * (asked / (ended + 1));
  if (fruitless > 2)
    pause = std::max<Duration>(pause, std::chrono::milliseconds(1) * (1U << std::min(fruitless - 3, 10U)));
  if (pause < std::chrono::milliseconds(1)) return Duration::zero();
  return std::max(std::min(pause, pause_limit), std::min(took, look_limit));
}

}  // namespace

Client::Waiters::Waiter::Waiter(std::shared_ptr<Waiters> owner, JobId job)
    : id(job), owner_(std::move(owner)) {
  owner_->waiting_.emplace(id, this);
}

Client::Waiters::Waiter::~Waiter() {
  const auto [first, last] = owner_->waiting_.equal_range(id);
  const auto mine = std::find_if(first, last, [this](const auto& entry) { return entry.second == this; });
  if (mine != last) owner_->waiting_.erase(mine);
  if (!owner_->waiting_.empty() || !owner_->follower_) return;
  owner_->follower_.cancel();
  owner_->follower_ = JoinHandle<void>();
}

Task<JobInfo> Client::Waiters::wait(std::shared_ptr<Waiters> waiters, JobId id, Milliseconds at_most) {
  EventLoop& loop = EventLoop::current();
  const TimePoint deadline =
      at_most == forever ? TimePoint::max() : loop.now() + coterie::detail::to_duration(at_most);
  // Registered before it looks itself, so that no end falls between the look and the follower's.
  Waiter waiter(waiters, id);
  std::optional<JobInfo> now = co_await waiters->look_once(id);
  if (!now) throw UnknownJob(id);
  if (is_final(now->state)) co_return std::move(*now);
  waiters->follow();
  while (!waiter.info && !waiter.error && loop.now() < deadline) co_await waiter.wakeup.until(deadline);
  if (waiter.error) std::rethrow_exception(waiter.error);
  if (!waiter.info)
    throw TimeoutError("job " + id.str() + " is not final after " + std::to_string(at_most.count()) + " ms");
  co_return std::move(*waiter.info);
}

Task<std::optional<JobInfo>> Client::Waiters::look_once(JobId id) {
  std::vector<JobId> ids(1, id);
  Task<std::vector<std::optional<JobInfo>>> asked = broker_->get(std::move(ids), true);
  std::vector<std::optional<JobInfo>> found = co_await std::move(asked);
  co_return std::move(found.front());
}

void Client::Waiters::follow() {
  if (follower_ && !follower_.done()) return;
  follower_ = spawn(named("jobs waited for"), follow_changes, shared_from_this());
}

Task<void> Client::Waiters::follow_changes(std::shared_ptr<Waiters> self) {
  EventLoop& loop = EventLoop::current();
  std::uint32_t fruitless = 0;
  std::optional<std::uint64_t> seen;
  TimePoint away_since = TimePoint::max();
  for (;;) {
    // The version first, then the look: what ends after the look changes the version.
    Task<std::uint64_t> asked =
        seen ? self->broker_->changed(*seen, change_at_most) : self->broker_->version();
    Outcome<std::uint64_t> version = co_await outcome(std::move(asked));
    Outcome<std::size_t> ended;
    const TimePoint began = loop.now();
    const std::size_t asked_for = self->waiting_.size();
    if (version.has_value()) {
      seen = version.get();
      ended = co_await outcome(self->look());
    }
    if (version.cancelled() || ended.cancelled()) co_return;  // nobody waits any more, or the loop is closing
    const std::exception_ptr error = version.has_value() ? ended.error() : version.error();
    if (error) {
      away_since = std::min(away_since, loop.now());
      bool may_return = false;
      try {
        std::rethrow_exception(error);
      } catch (const BrokerUnavailable&) {
        may_return = loop.now() < away_since + broker_may_be_away;
      } catch (...) {
        may_return = false;
      }
      if (!may_return) {
        self->fail(error);
        co_return;
      }
      seen.reset();
      co_await sleep(retry_every);
      continue;
    }
    away_since = TimePoint::max();
    fruitless = ended.get() > 0 ? 0 : std::min(fruitless + 1, 100U);
    const Duration pause = pause_after(fruitless, asked_for, ended.get(), loop.now() - began);
    if (pause > Duration::zero()) co_await sleep(pause);
  }
}

Task<std::size_t> Client::Waiters::look() {
  std::vector<JobId> ids;
  ids.reserve(waiting_.size());
  for (auto it = waiting_.begin(); it != waiting_.end(); it = waiting_.equal_range(it->first).second)
    ids.push_back(it->first);
  std::size_t ended = 0;
  std::size_t from = 0;
  do {
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(from);
    from += std::min(ids_per_call, ids.size() - from);
    const auto last = ids.begin() + static_cast<std::ptrdiff_t>(from);
    Task<std::size_t> part = look_at(std::vector<JobId>(first, last));
    ended += co_await std::move(part);
  } while (from < ids.size());
  co_return ended;
}

/// Payloads and results only of what has ended; where there are few, in the same call.
Task<std::size_t> Client::Waiters::look_at(std::vector<JobId> ids) {
  const bool few = ids.size() <= few_ids;
  Task<Found> asked = broker_->get(ids, few);
  Found found = co_await std::move(asked);
  if (!few) {
    std::vector<JobId> finals;
    for (std::size_t i = 0; i < found.size(); ++i)
      if (!found[i] || is_final(found[i]->state)) finals.push_back(ids[i]);
    ids = std::move(finals);
    if (ids.empty()) co_return 0;
    Task<Found> bodies = broker_->get(ids, true);
    found = co_await std::move(bodies);
  }
  std::size_t ended = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] && !is_final(found[i]->state)) continue;
    tell(ids[i], found[i]);
    ++ended;
  }
  co_return ended;
}

void Client::Waiters::tell(const JobId& id, const std::optional<JobInfo>& info) {
  const auto [first, last] = waiting_.equal_range(id);
  for (auto it = first; it != last; ++it) {
    Waiter& waiter = *it->second;
    if (waiter.info || waiter.error) continue;
    if (info)
      waiter.info = info;
    else
      waiter.error = std::make_exception_ptr(UnknownJob(id));  // purged while it was waited for
    waiter.wakeup.notify();
  }
}

void Client::Waiters::fail(const std::exception_ptr& error) {
  for (const auto& [id, waiter] : waiting_) {
    if (waiter->info) continue;
    waiter->error = error;
    waiter->wakeup.notify();
  }
}

}  // namespace coterie::queue
