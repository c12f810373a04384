#include "src/brokers/redis/locator.hpp"

#include <utility>

#include "src/brokers/redis/sentinel_locator.hpp"

namespace coterie::brokers::redis {
namespace {

/// At the address of the URL, always.
class FixedLocator final : public Locator {
 public:
  using Locator::Locator;
  Task<Settings> find(Address /*last*/) override { co_return settings(); }
  bool is_current(const Settings& /*found*/) const noexcept override { return true; }
  Task<void> close() override { co_return; }
};

}  // namespace

void Locator::follow(std::weak_ptr<Follower> follower) {
  std::erase_if(followers_, [](const std::weak_ptr<Follower>& one) { return one.expired(); });
  followers_.push_back(std::move(follower));
}

void Locator::tell(const Address& now) {
  const std::vector<std::weak_ptr<Follower>> told = followers_;
  for (const std::weak_ptr<Follower>& one : told)
    if (const std::shared_ptr<Follower> follower = one.lock()) follower->moved(now);
}

std::string Locator::news(const Address& now) const {
  return (settings_.by_cluster() ? "the cluster has made " : "the sentinels have made ") + now.text() +
         " the master";
}

std::shared_ptr<Locator> make_locator(Settings settings) {
  if (settings.by_sentinel()) return std::make_shared<SentinelLocator>(std::move(settings));
  return std::make_shared<FixedLocator>(std::move(settings));
}

}  // namespace coterie::brokers::redis
