#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "coterie/scope.hpp"
#include "coterie/sync/event.hpp"
#include "src/brokers/redis/shards.hpp"
#include "src/brokers/redis/subscription.hpp"

namespace coterie::brokers::redis {

/// Who waits for changes of a queue. The scripts of each shard publish its new version; one subscription to
/// each shard serves everybody here, from the first wait on. Where messages may have been missed, the version
/// is asked for. The queue's version is the sum of its shards'.
///
/// Belongs to one loop.
class Watch {
 public:
  explicit Watch(Shards& shards) : shards_(shards) {}

  /// See Broker::changed.
  Task<std::uint64_t> changed(std::uint64_t seen, queue::Milliseconds at_most);
  /// See Broker::version.
  Task<std::uint64_t> version();
  Task<void> close();

 private:
  struct Line {
    std::unique_ptr<Subscription> subscription;
    std::optional<std::uint64_t> version;  // nothing: messages may have been missed since
    std::uint64_t messages = 0;  // an answer that was asked for before the newest one is older than it
  };
  void listen();
  [[nodiscard]] bool hears_all() const;
  /// Nothing where any shard's is not known.
  [[nodiscard]] std::optional<std::uint64_t> sum() const;
  void notice(Line& line, std::optional<std::uint64_t> version);
  Task<void> ask_all();
  Task<void> look(std::uint32_t shard);
  Task<void> until_changed(std::uint64_t seen);

  Shards& shards_;
  std::vector<Line> lines_;
  Event change_;  // set and cleared at once: whoever waits looks again
  TaskScope looks_{"looks at the version"};
};

}  // namespace coterie::brokers::redis
