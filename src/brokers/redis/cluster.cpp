#include "src/brokers/redis/cluster.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/gather.hpp"
#include "src/brokers/redis/ask.hpp"

namespace coterie::brokers::redis {
namespace {

using queue::BadBroker;
using queue::BrokerUnavailable;

/// A map that is younger is news: a cluster needs longer to change anything.
constexpr Duration fresh_for = std::chrono::milliseconds(100);
/// So many masters are asked whether they take a slot over.
constexpr std::size_t masters_asked = 64;

}  // namespace

/// A master, for those that connect to it.
class Cluster::Place final : public Locator {
 public:
  Place(std::shared_ptr<Cluster> cluster, std::uint16_t slot)
      : Locator(cluster->settings()), cluster_(std::move(cluster)), slot_(slot) {
    look_at_map();
  }

  Task<Settings> find(Address last) override {
    const std::shared_ptr<Cluster> cluster = cluster_;
    // Who asks again has not found there what was hoped for.
    if (last == address_) cluster->blame(address_);
    if (cluster->blamed_ == address_) co_await cluster->look();
    if (address_.host.empty())
      throw BrokerUnavailable(settings().url() + ": no node has slot " + std::to_string(slot_));
    // Calls wait for this connection that were begun when all was well.
    if (!last.host.empty() && last != address_) cluster->refuse_where_open(address_);
    Settings found(settings());
    found.host = address_.host;
    found.port = address_.port;
    // Where a machine is gone, nothing says so: others are to be asked again before long.
    found.connect_timeout = std::min(found.connect_timeout, Settings().connect_timeout);
    co_return found;
  }
  bool is_current(const Settings& found) const noexcept override { return found.address() == address_; }
  Task<void> close() override { co_return; }

  [[nodiscard]] const Address& address() const noexcept { return address_; }
  /// The map may be another one.
  void look_at_map() {
    if (cluster_->map_.is_master(address_)) return;
    const Address* const now = cluster_->map_.master_of(slot_);
    if (now == nullptr || *now == address_) return;
    address_ = *now;
    tell(address_);
  }

 private:
  const std::shared_ptr<Cluster> cluster_;
  const std::uint16_t slot_;
  Address address_;
};

Cluster::Cluster(Settings settings) : settings_(std::move(settings)) {}

std::shared_ptr<Locator> Cluster::locator(std::uint16_t slot) {
  if (std::ranges::find(used_, slot) == used_.end()) used_.push_back(slot);
  if (const Address* const master = map_.master_of(slot))
    if (std::shared_ptr<Place> place = place_at(*master)) return place;
  std::erase_if(places_, [](const std::weak_ptr<Place>& one) { return one.expired(); });
  auto place = std::make_shared<Place>(shared_from_this(), slot);
  places_.push_back(place);
  return place;
}

std::shared_ptr<Cluster::Place> Cluster::place_at(const Address& master) const {
  for (const std::weak_ptr<Place>& one : places_)
    if (std::shared_ptr<Place> place = one.lock(); place && place->address() == master) return place;
  return nullptr;
}

bool Cluster::is_given_out(const Locator& locator) const {
  for (const std::weak_ptr<Place>& one : places_)
    if (const std::shared_ptr<Place> place = one.lock(); place.get() == &locator)
      return place_at(place->address()) == place;
  return false;
}

bool Cluster::is_arriving(std::uint16_t slot) const {
  return std::ranges::find(arriving_, slot) != arriving_.end();
}

Task<void> Cluster::look() {
  const bool fresh = looked_at_ && EventLoop::current().now() < *looked_at_ + fresh_for;
  const bool looks = looking_ && !looking_.done();
  if (!fresh && !looks) co_return co_await look_anew();
  const std::shared_ptr<Cluster> keep = shared_from_this();
  if (looks) co_await looking_.wait();
  if (last_error_) std::rethrow_exception(last_error_);
}

/// A master that has taken over is given nothing while one of our slots there is still on its way elsewhere.
void Cluster::refuse_where_open(const Address& master) const {
  for (const std::uint16_t slot : used_) {
    const Address* const owner = map_.master_of(slot);
    if (is_arriving(slot) && owner != nullptr && *owner == master)
      throw BrokerUnavailable(settings_.url() + ": slot " + std::to_string(slot) +
                              " is being moved away from a master that " + master.text() +
                              " has replaced meanwhile: redis-cli --cluster fix ends the move");
  }
}

/// Those who wait for the look that is under way share the next one.
Task<void> Cluster::look_anew() {
  const std::shared_ptr<Cluster> keep = shared_from_this();
  for (const std::uint64_t wanted = looks_begun_ + 1; looks_ended_ < wanted;) {
    if (closed_) throw BrokerUnavailable(settings_.url() + ": the broker was closed");
    if (!looking_ || looking_.done())
      looking_ = spawn(SpawnOptions("redis-cluster-look"), look_around, shared_from_this());
    co_await looking_.wait();
  }
  if (last_error_) std::rethrow_exception(last_error_);
}

Task<void> Cluster::look_around(std::shared_ptr<Cluster> self) {
  ++self->looks_begun_;
  Task<void> asking = self->ask_in_turn();
  const Outcome<void> end = co_await outcome(std::move(asking));
  self->looks_ended_ = self->looks_begun_;
  self->looked_at_ = EventLoop::current().now();
  self->last_error_ = end.has_exception() ? end.error() : nullptr;
  if (end.cancelled()) end.get();
}

/// Those that should know first.
std::vector<Address> Cluster::whom_to_ask() const {
  std::vector<Address> order;
  const auto add = [&](const Address& node) {
    if (order.size() < asked_most && !node.host.empty() && node != blamed_ &&
        std::ranges::find(order, node) == order.end())
      order.push_back(node);
  };
  add(preferred_);
  for (const Address& node : settings_.cluster) add(node);
  for (const Address& node : map_.masters()) add(node);
  for (const Address& node : map_.replicas()) add(node);
  if (!blamed_.host.empty()) order.push_back(blamed_);
  return order;
}

void Cluster::prefer(const Address& node) {
  preferred_ = node;
  if (blamed_ == node) blamed_ = Address();
}

Task<void> Cluster::ask_in_turn() {
  Failures failures;
  const std::vector<Address> order = whom_to_ask();
  for (const Address& node : order) {
    Task<NodeAnswer> asking = ask_node(settings_, node);
    Outcome<NodeAnswer> end = co_await outcome(std::move(asking));
    NodeAnswer answer;
    try {
      answer = std::move(end).get();
    } catch (const BadBroker& error) {
      failures.add(error.what(), true);
      continue;
    } catch (const BrokerUnavailable& error) {
      failures.add(error.what(), false);
      continue;
    }
    co_await ask_who_takes_over(node, answer);
    // Together: who takes over is to be known before anything is sent where a slot is now.
    map_ = std::move(answer.map);
    arriving_ = std::move(answer.arriving);
    preferred_ = node;
    tell_places();
    co_return;
  }
  failures.raise(settings_, map_.covered() != 0, "node", "where the slots are");
}

/// The other masters than the one that answered. What one has that is away is out of reach in any case.
Task<void> Cluster::ask_who_takes_over(const Address& answered, NodeAnswer& answer) const {
  std::vector<Task<NodeAnswer>> asking;
  for (const Address& master : answer.map.masters())
    if (master != answered && asking.size() < masters_asked) asking.push_back(ask_node(settings_, master));
  if (asking.empty()) co_return;
  auto gathering = gather_outcomes(std::move(asking));
  const std::vector<Outcome<NodeAnswer>> ends = co_await std::move(gathering);
  for (const Outcome<NodeAnswer>& end : ends)
    if (end.has_value()) std::ranges::copy(end.get().arriving, std::back_inserter(answer.arriving));
}

void Cluster::tell_places() {
  const std::vector<std::weak_ptr<Place>> told = places_;
  for (const std::weak_ptr<Place>& one : told)
    if (const std::shared_ptr<Place> place = one.lock()) place->look_at_map();
  if (on_map_) on_map_();
}

Task<void> Cluster::close() {
  const std::shared_ptr<Cluster> keep = shared_from_this();
  closed_ = true;
  if (looking_) {
    looking_.cancel();
    co_await looking_.wait();
  }
}

}  // namespace coterie::brokers::redis
