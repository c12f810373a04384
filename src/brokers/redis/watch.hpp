#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "coterie/scope.hpp"
#include "coterie/sync/event.hpp"
#include "src/brokers/redis/shard.hpp"
#include "src/brokers/redis/subscription.hpp"

namespace coterie::brokers::redis {

/// Who waits for changes of a shard. The scripts publish each new version; one subscription serves everybody
/// here, from the first wait on. Where messages may have been missed, the version is asked for.
///
/// Belongs to one loop.
class Watch {
 public:
  explicit Watch(Shard& shard) : shard_(shard) {}

  /// See Broker::changed.
  Task<std::uint64_t> changed(std::uint64_t seen, queue::Milliseconds at_most);
  Task<void> close();

 private:
  void listen();
  void notice(std::optional<std::uint64_t> version);
  Task<void> look();
  Task<void> until_changed(std::uint64_t seen);

  Shard& shard_;
  std::unique_ptr<Subscription> subscription_;
  std::optional<std::uint64_t> version_;  // nothing: messages may have been missed since
  std::uint64_t messages_ = 0;  // an answer that was asked for before the newest one is older than it
  Event change_;                // set and cleared at once: whoever waits looks again
  TaskScope looks_{"looks at the version"};
};

}  // namespace coterie::brokers::redis
