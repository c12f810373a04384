#include "src/brokers/redis/locator.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "coterie/await_outcome.hpp"

namespace coterie::brokers::redis {
namespace {

/// So long a sentinel that is behind the last failover is not believed, while others do not answer.
constexpr Duration believe_older_after = std::chrono::seconds(30);

/// What those who did not help have said.
class Failures {
 public:
  /// Of the exception that is being handled; `lasting`: it will not pass.
  void add(const std::string& what, bool lasting) {
    std::string& first = lasting ? refused_ : away_;
    if (first.empty()) first = what;
    ++count_;
  }
  [[nodiscard]] bool none() const noexcept { return count_ == 0; }
  [[noreturn]] void raise(const Settings& settings, bool may_pass) const {
    const std::string url = settings.url() + ": ";
    if (!refused_.empty() && !may_pass) throw queue::BadBroker(url + refused_);
    const std::string& said = away_.empty() ? refused_ : away_;
    throw queue::BrokerUnavailable(
        url +
        (count_ == 1 ? "its sentinel tells no master: "
                     : "none of its " + std::to_string(count_) + " sentinels tells the master; ") +
        said);
  }

 private:
  std::string refused_;
  std::string away_;
  std::size_t count_ = 0;
};

}  // namespace

Locator::Locator(Settings settings) : settings_(std::move(settings)), sentinels_(settings_.sentinels) {}

Settings Locator::at_master() const {
  Settings found(settings_);
  found.host = master_.host;
  found.port = master_.port;
  // Where a machine is gone, nothing says so: the sentinels are to be asked again before long.
  found.connect_timeout = std::min(settings_.connect_timeout, Settings().connect_timeout);
  return found;
}

bool Locator::is_current(const Settings& found) const noexcept {
  return !settings_.by_sentinel() || found.address() == master_;
}

Task<Settings> Locator::find() {
  if (!settings_.by_sentinel()) co_return settings_;
  const std::shared_ptr<Locator> keep = shared_from_this();
  const std::vector<Address> order = sentinels_;
  Failures failures;
  std::optional<Address> who;
  SentinelAnswer best;
  for (const Address& sentinel : order) {
    Task<SentinelAnswer> asking = ask_sentinel(settings_, sentinel);
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
  if (!who) failures.raise(settings_, !master_.host.empty());
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
void Locator::note(const Address& sentinel, const SentinelAnswer& answer) {
  if (closed_) return;
  epoch_ = answer.epoch;
  // It comes first, then those of the URL, which are there when all that it tells of are replaced.
  std::vector<Address> order{sentinel};
  const auto add = [&order](const std::vector<Address>& more) {
    for (const Address& one : more)
      if (order.size() < sentinels_most && std::ranges::find(order, one) == order.end()) order.push_back(one);
  };
  add(settings_.sentinels);
  add(answer.others);
  sentinels_ = std::move(order);

  const auto is_ours = [this](const Address& address) {
    return std::ranges::find(settings_.sentinels, address) != settings_.sentinels.end();
  };
  std::erase_if(listening_,
                [&](const Listening& one) { return one.sentinel != sentinel && !is_ours(one.sentinel); });
  for (const Address& one : settings_.sentinels) listen(one);
  listen(sentinel);

  if (master_ == answer.master) return;
  master_ = answer.master;
  const std::vector<std::weak_ptr<Follower>> told = followers_;
  for (const std::weak_ptr<Follower>& one : told)
    if (const std::shared_ptr<Follower> follower = one.lock()) follower->moved(master_);
}

void Locator::follow(std::weak_ptr<Follower> follower) {
  std::erase_if(followers_, [](const std::weak_ptr<Follower>& one) { return one.expired(); });
  followers_.push_back(std::move(follower));
}

void Locator::listen(const Address& sentinel) {
  for (const Listening& one : listening_)
    if (one.sentinel == sentinel) return;
  const auto ask_it = [weak = weak_from_this(), sentinel] {
    if (const std::shared_ptr<Locator> self = weak.lock()) self->begin_look(sentinel);
  };
  const auto message = [ask_it, name = settings_.master_name + " "](std::string_view payload) {
    if (payload.starts_with(name)) ask_it();
  };
  listening_.push_back(
      Listening{sentinel, std::make_unique<Subscription>(settings_of_sentinel(settings_, sentinel),
                                                         std::string(switch_channel), message, ask_it)});
}

void Locator::begin_look(const Address& sentinel) {
  if (closed_) return;
  std::erase_if(looks_, [](const JoinHandle<void>& one) { return one.done(); });
  looks_.push_back(spawn(SpawnOptions("redis-sentinel-look"), look, shared_from_this(), sentinel));
}

/// Messages may come late, and some were missed: what counts is what the sentinel says now.
Task<void> Locator::look(std::shared_ptr<Locator> self, Address sentinel) {
  Task<SentinelAnswer> asking = ask_sentinel(self->settings_, sentinel);
  Outcome<SentinelAnswer> end = co_await outcome(std::move(asking));
  try {
    const SentinelAnswer answer = std::move(end).get();
    if (answer.epoch > self->epoch_ || (answer.epoch == self->epoch_ && answer.master != self->master_))
      self->note(sentinel, answer);
  } catch (const queue::QueueError&) {
    // It may speak again; and who connects asks the others.
  }
}

Task<void> Locator::close() {
  const std::shared_ptr<Locator> keep = shared_from_this();
  closed_ = true;
  std::vector<JoinHandle<void>> looks = std::exchange(looks_, {});
  for (JoinHandle<void>& look : looks) look.cancel();
  const std::vector<Listening> listening = std::exchange(listening_, {});
  for (const Listening& one : listening) co_await one.subscription->close();
  for (JoinHandle<void>& look : looks) co_await look.wait();
}

}  // namespace coterie::brokers::redis
