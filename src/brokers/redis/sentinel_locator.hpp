#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "coterie/spawn.hpp"
#include "coterie/task.hpp"
#include "src/brokers/redis/locator.hpp"
#include "src/brokers/redis/sentinel.hpp"
#include "src/brokers/redis/settings.hpp"
#include "src/brokers/redis/subscription.hpp"

namespace coterie::brokers::redis {

/// The master that the sentinels name.
///
/// From the first answer on it listens to the sentinels of the URL, and to the one that answered last. When
/// one of them speaks of a failover, or begins to be heard again, it is asked; and when the master is another
/// one, each follower is told. So a connection to a master that hangs, or was cut off from everybody else
/// and still takes writes, is given up as soon as one sentinel of the other side is heard.
class SentinelLocator final : public Locator, public std::enable_shared_from_this<SentinelLocator> {
 public:
  explicit SentinelLocator(Settings settings);

  /// Sentinels are asked in turn, the one that answered last first, each for at most a second.
  /// BrokerUnavailable where none answers. BadBroker where all that answer refuse, in a way that will not
  /// pass, and none has ever answered well.
  [[nodiscard]] Task<Settings> find(Address last) override;
  [[nodiscard]] bool is_current(const Settings& found) const noexcept override;
  [[nodiscard]] Task<void> close() override;

  /// Whom find() asks, in this order.
  [[nodiscard]] const std::vector<Address>& sentinels() const noexcept { return sentinels_; }

 private:
  [[nodiscard]] Settings at_master() const;
  void note(const Address& sentinel, const SentinelAnswer& answer);
  void listen(const Address& sentinel);
  void begin_look(const Address& sentinel);
  [[nodiscard]] static Task<void> look(std::shared_ptr<SentinelLocator> self, Address sentinel);

  std::vector<Address> sentinels_;
  Address master_;  // without a host: not known yet
  std::uint64_t epoch_ = 0;
  std::optional<TimePoint> behind_since_;  // who answers knows less than we do
  struct Listening {
    Address sentinel;
    std::unique_ptr<Subscription> subscription;
  };
  std::vector<Listening> listening_;
  std::vector<JoinHandle<void>> looks_;
  bool closed_ = false;
};

}  // namespace coterie::brokers::redis
