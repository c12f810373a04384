#include "src/brokers/redis/sentinel_locator.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "src/brokers/redis/ask.hpp"

namespace coterie::brokers::redis {
namespace {

/// So long a sentinel that is behind the last failover is not believed, while others do not answer.
constexpr Duration believe_older_after = std::chrono::seconds(30);

}  // namespace

SentinelLocator::SentinelLocator(Settings settings)
    : Locator(std::move(settings)), sentinels_(this->settings().sentinels) {}

Settings SentinelLocator::at_master() const {
  Settings found(settings());
  found.host = master_.host;
  found.port = master_.port;
  // Where a machine is gone, nothing says so: the sentinels are to be asked again before long.
  found.connect_timeout = std::min(settings().connect_timeout, Settings().connect_timeout);
  return found;
}

bool SentinelLocator::is_current(const Settings& found) const noexcept {
  return found.address() == master_;
}

Task<Settings> SentinelLocator::find(Address /*last*/) {
  const std::shared_ptr<SentinelLocator> keep = shared_from_this();
  const std::vector<Address> order = sentinels_;
  Failures failures;
  std::optional<Address> who;
  SentinelAnswer best;
  for (const Address& sentinel : order) {
    Task<SentinelAnswer> asking = ask_sentinel(settings(), sentinel);
    Outcome<SentinelAnswer> end = co_await outcome(std::move(asking));
    try {
      SentinelAnswer answer = std::move(end).get();
      // One that was cut off from a failover still names the old master, which may still answer.
      const bool behind = answer.epoch < epoch_;
      if (!who || answer.epoch > best.epoch) {
        who = sentinel;
        best = std::move(answer);
      }
      if (!behind) break;
    } catch (const queue::BadBroker& error) {
      failures.add(error.what(), true);
    } catch (const queue::BrokerUnavailable& error) {
      failures.add(error.what(), false);
    }
  }
  if (!who) failures.raise(settings(), !master_.host.empty(), "sentinel", "the master");
  if (best.epoch >= epoch_ || failures.none()) {
    behind_since_.reset();
  } else {
    // Those that know of the last failover do not answer; this one names a master that was left. All
    // sentinels may have been made anew, though, and count from zero.
    const TimePoint now = EventLoop::current().now();
    if (!behind_since_) behind_since_ = now;
    if (now < *behind_since_ + believe_older_after) co_return at_master();
    behind_since_.reset();
  }
  note(*who, best);
  co_return at_master();
}

/// What a sentinel has said is taken for true.
void SentinelLocator::note(const Address& sentinel, const SentinelAnswer& answer) {
  if (closed_) return;
  epoch_ = answer.epoch;
  // It comes first, then those of the URL, which are there when all that it tells of are replaced.
  std::vector<Address> order{sentinel};
  const auto add = [&order](const std::vector<Address>& more) {
    for (const Address& one : more)
      if (order.size() < asked_most && std::ranges::find(order, one) == order.end()) order.push_back(one);
  };
  add(settings().sentinels);
  add(answer.others);
  sentinels_ = std::move(order);

  const auto is_ours = [this](const Address& address) {
    return std::ranges::find(settings().sentinels, address) != settings().sentinels.end();
  };
  std::erase_if(listening_,
                [&](const Listening& one) { return one.sentinel != sentinel && !is_ours(one.sentinel); });
  for (const Address& one : settings().sentinels) listen(one);
  listen(sentinel);

  if (master_ == answer.master) return;
  master_ = answer.master;
  tell(master_);
}

void SentinelLocator::listen(const Address& sentinel) {
  for (const Listening& one : listening_)
    if (one.sentinel == sentinel) return;
  const auto ask_it = [weak = weak_from_this(), sentinel] {
    if (const std::shared_ptr<SentinelLocator> self = weak.lock()) self->begin_look(sentinel);
  };
  const auto message = [ask_it, name = settings().master_name + " "](std::string_view payload) {
    if (payload.starts_with(name)) ask_it();
  };
  listening_.push_back(
      Listening{sentinel, std::make_unique<Subscription>(settings_of_sentinel(settings(), sentinel),
                                                         std::string(switch_channel), message, ask_it)});
}

void SentinelLocator::begin_look(const Address& sentinel) {
  if (closed_) return;
  std::erase_if(looks_, [](const JoinHandle<void>& one) { return one.done(); });
  looks_.push_back(spawn(SpawnOptions("redis-sentinel-look"), look, shared_from_this(), sentinel));
}

/// Messages may come late, and some were missed: what counts is what the sentinel says now.
Task<void> SentinelLocator::look(std::shared_ptr<SentinelLocator> self, Address sentinel) {
  Task<SentinelAnswer> asking = ask_sentinel(self->settings(), sentinel);
  Outcome<SentinelAnswer> end = co_await outcome(std::move(asking));
  try {
    const SentinelAnswer answer = std::move(end).get();
    if (answer.epoch > self->epoch_ || (answer.epoch == self->epoch_ && answer.master != self->master_))
      self->note(sentinel, answer);
  } catch (const queue::QueueError&) {
    // It may speak again; and who connects asks the others.
  }
}

Task<void> SentinelLocator::close() {
  const std::shared_ptr<SentinelLocator> keep = shared_from_this();
  closed_ = true;
  std::vector<JoinHandle<void>> looks = std::exchange(looks_, {});
  for (JoinHandle<void>& look : looks) look.cancel();
  const std::vector<Listening> listening = std::exchange(listening_, {});
  for (const Listening& one : listening) co_await one.subscription->close();
  for (JoinHandle<void>& look : looks) co_await look.wait();
}

}  // namespace coterie::brokers::redis
