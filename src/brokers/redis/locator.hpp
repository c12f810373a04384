#pragma once
#include <memory>
#include <vector>

#include "coterie/task.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// Where a server is, which others may know better than the URL: sentinels, the nodes of a cluster. One for
/// all connections that lead there.
///
/// Belongs to the loop on which it is used first, and is held by std::shared_ptr.
class Locator {
 public:
  class Follower {
   public:
    Follower() = default;
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    /// The server is at `now`. Runs in the middle of others' work: it may not wait, throw, or close the
    /// locator.
    virtual void moved(const Address& now) noexcept = 0;

   protected:
    ~Follower() = default;
  };

  explicit Locator(Settings settings) : settings_(std::move(settings)) {}
  Locator(const Locator&) = delete;
  Locator& operator=(const Locator&) = delete;
  virtual ~Locator() = default;

  /// The settings for one attempt to connect. `last`: what it gave for this connection before, which has
  /// failed or was lost; without a host at first. BrokerUnavailable where nobody tells; BadBroker where that
  /// will not pass.
  [[nodiscard]] virtual Task<Settings> find(Address last) = 0;
  /// It is still where find() said.
  [[nodiscard]] virtual bool is_current(const Settings& found) const noexcept = 0;
  /// Listens to nobody any more and returns when nothing is left. Idempotent.
  [[nodiscard]] virtual Task<void> close() = 0;

  /// Told until it is gone.
  void follow(std::weak_ptr<Follower> follower);
  /// As the URL has them.
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  /// Why a connection to the old place ends: "the sentinels have made 10.0.0.7:6379 the master".
  [[nodiscard]] std::string news(const Address& now) const;

 protected:
  void tell(const Address& now);

 private:
  const Settings settings_;
  std::vector<std::weak_ptr<Follower>> followers_;
};

/// By what the URL says: the address itself, or the master that its sentinels name. Not for a cluster, which
/// has a locator for each master, see Cluster.
[[nodiscard]] std::shared_ptr<Locator> make_locator(Settings settings);

}  // namespace coterie::brokers::redis
