#pragma once
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "coterie/spawn.hpp"
#include "coterie/task.hpp"
#include "src/brokers/redis/cluster_node.hpp"
#include "src/brokers/redis/locator.hpp"
#include "src/brokers/redis/settings.hpp"
#include "src/brokers/redis/slots.hpp"

namespace coterie::brokers::redis {

/// Where the slots of a cluster are. One for all connections of a broker, for which it is asked when one was
/// lost, or when a node says that a slot is elsewhere.
///
/// Belongs to the loop on which it is used first, and is held by std::shared_ptr.
class Cluster : public std::enable_shared_from_this<Cluster> {
 public:
  explicit Cluster(Settings settings);

  /// Asks for the map: the nodes in turn, the one that answered last first, each for at most a second, until
  /// one answers; then all masters at once, whether they are taking a slot over. Where somebody did so within
  /// the last tenth of a second that is enough. BrokerUnavailable where none answers; BadBroker where all
  /// that answer refuse and none has ever answered well.
  [[nodiscard]] Task<void> look();
  /// The same, from now on.
  [[nodiscard]] Task<void> look_anew();
  /// That node knows more than the others.
  void prefer(const Address& node);
  /// That node does not answer, or does not do its duty: it is asked last.
  void blame(const Address& node) { blamed_ = node; }

  /// Empty before the first answer.
  [[nodiscard]] const SlotMap& map() const noexcept { return map_; }
  /// Some master is taking that slot over, and has a part of its keys.
  [[nodiscard]] bool is_arriving(std::uint16_t slot) const;
  /// For connections to the master of that slot, one for all slots that are there. It stays with that master
  /// while it has any slot; then it goes to who has this one.
  [[nodiscard]] std::shared_ptr<Locator> locator(std::uint16_t slot);
  /// There are two locators for one master where it took over all slots of another: this is the one that is
  /// given out.
  [[nodiscard]] bool is_given_out(const Locator& locator) const;
  /// Calls it after each look, once all locators are where the slots are now: from within the look, so it may
  /// not wait. Null: nobody any more.
  void on_map(std::function<void()> tell) { on_map_ = std::move(tell); }
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

  /// Asks nobody any more and returns when nothing is left. Idempotent.
  [[nodiscard]] Task<void> close();

 private:
  class Place;
  [[nodiscard]] std::shared_ptr<Place> place_at(const Address& master) const;
  [[nodiscard]] static Task<void> look_around(std::shared_ptr<Cluster> self);
  [[nodiscard]] Task<void> ask_in_turn();
  [[nodiscard]] Task<void> ask_who_takes_over(const Address& answered, NodeAnswer& answer) const;
  [[nodiscard]] std::vector<Address> whom_to_ask() const;
  void tell_places();
  void refuse_where_open(const Address& master) const;

  const Settings settings_;
  SlotMap map_;
  std::vector<std::uint16_t> arriving_;
  Address preferred_;
  Address blamed_;
  std::vector<std::weak_ptr<Place>> places_;
  std::vector<std::uint16_t> used_;  // slots for which a locator was given
  std::function<void()> on_map_;
  JoinHandle<void> looking_;
  std::uint64_t looks_begun_ = 0;
  std::uint64_t looks_ended_ = 0;
  std::optional<TimePoint> looked_at_;
  std::exception_ptr last_error_;  // of the last look, where it was in vain
  bool closed_ = false;
};

}  // namespace coterie::brokers::redis
