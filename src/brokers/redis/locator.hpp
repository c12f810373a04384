#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coterie/spawn.hpp"
#include "coterie/task.hpp"
#include "src/brokers/redis/sentinel.hpp"
#include "src/brokers/redis/settings.hpp"
#include "src/brokers/redis/subscription.hpp"

namespace coterie::brokers::redis {

/// Where the server is: what the URL says, or the master that the sentinels name. One for all connections of
/// a broker.
///
/// From the first answer on it listens to the sentinels of the URL, and to the one that answered last. When
/// one of them speaks of a failover, or begins to be heard again, it is asked; and when the master is another
/// one, each follower is told. So a connection to a master that hangs, or was cut off from everybody else
/// and still takes writes, is given up as soon as one sentinel of the other side is heard.
///
/// Belongs to the loop on which it is used first, and is held by std::shared_ptr.
class Locator : public std::enable_shared_from_this<Locator> {
 public:
  class Follower {
   public:
    Follower() = default;
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    /// The master is at `now`. Runs in the middle of others' work: it may not wait, throw, or close the
    /// locator.
    virtual void moved(const Address& now) noexcept = 0;

   protected:
    ~Follower() = default;
  };

  explicit Locator(Settings settings);

  /// The settings for one attempt to connect. Sentinels are asked in turn, the one that answered last first,
  /// each for at most a second. BrokerUnavailable where none answers. BadBroker where all that answer refuse,
  /// in a way that will not pass, and none has ever answered well.
  [[nodiscard]] Task<Settings> find();
  /// It is still where find() said.
  [[nodiscard]] bool is_current(const Settings& found) const noexcept;
  /// Told until it is gone.
  void follow(std::weak_ptr<Follower> follower);
  /// As the URL has them.
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  /// Whom find() asks, in this order.
  [[nodiscard]] const std::vector<Address>& sentinels() const noexcept { return sentinels_; }

  /// Listens no more and returns when nothing is left. Idempotent.
  [[nodiscard]] Task<void> close();

 private:
  [[nodiscard]] Settings at_master() const;
  void note(const Address& sentinel, const SentinelAnswer& answer);
  void listen(const Address& sentinel);
  void begin_look(const Address& sentinel);
  [[nodiscard]] static Task<void> look(std::shared_ptr<Locator> self, Address sentinel);

  const Settings settings_;
  std::vector<Address> sentinels_;
  Address master_;  // without a host: not known yet
  std::uint64_t epoch_ = 0;
  std::optional<TimePoint> behind_since_;  // who answers knows less than we do
  std::vector<std::weak_ptr<Follower>> followers_;
  struct Listening {
    Address sentinel;
    std::unique_ptr<Subscription> subscription;
  };
  std::vector<Listening> listening_;
  std::vector<JoinHandle<void>> looks_;
  bool closed_ = false;
};

}  // namespace coterie::brokers::redis
