#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coterie/scope.hpp"
#include "src/brokers/redis/cluster.hpp"
#include "src/brokers/redis/cluster_listeners.hpp"
#include "src/brokers/redis/servers.hpp"

namespace coterie::brokers::redis {

/// A Redis cluster: each shard on the master that has its slot.
///
///     send() ─▶ the Node of the slot ─▶ replies
///                 ▲       │ MOVED: the map is corrected, what was turned away goes there
///                 │       │ the slot is on its way, or has no master: a pause
///                 └───────┘ until `command_timeout`; then BrokerUnavailable
///
/// A command that was turned away has not been applied; what stands before it in a call has, and is not sent
/// again. **A slot that is being moved** is no place to run a script: half of the keys are here and half are
/// there, and each node only knows that a key is missing when it is asked for it, in the middle of a script.
/// So every script looks first whether its slot is on its way (see prelude.lua), and nobody is asked where
/// the slot goes to (ASK): the shard waits until it has arrived.
///
/// A master that is lost is followed by its Node, see Cluster, and one that hangs as soon as the others have
/// replaced it; one that stays away makes only the calls of its shards fail.
class ClusterServers final : public Servers {
 public:
  explicit ClusterServers(Settings settings);

  /// Connects to the master of the first shard. To the others when they are used.
  Task<void> open() override;
  Task<void> close() override;
  Task<std::vector<Reply>> send(std::uint32_t shard, std::vector<Command> commands) override;
  Task<std::vector<Reply>> send_durably(std::uint32_t shard, std::vector<Command> commands, Durable durable,
                                        Command touch) override;
  std::unique_ptr<Subscription> listen(std::uint32_t shard, std::string channel,
                                       Subscription::OnMessage on_message,
                                       Subscription::OnConnected on_connected) override;
  /// A number for life, so it leaves room for more masters than a small cluster has.
  std::uint32_t default_shards() const noexcept override { return 8; }
  const Settings& settings() const noexcept override { return cluster_->settings(); }

 private:
  /// What is left of a call.
  struct Call {
    std::uint32_t shard = 0;
    std::uint16_t slot = 0;
    std::vector<Command> commands;
    Durable durable;
    std::optional<Command> touch;
    std::vector<Reply> answers;
    Call() = default;
  };
  /// Why a call goes on later, and not at once.
  using Obstacle = std::optional<std::string>;

  /// A master, and the calls that are under way to it.
  struct Member {
    explicit Member(const std::shared_ptr<Locator>& place) : node(place) {}
    Node node;
    Address address;
    std::size_t waiting = 0;
    std::uint64_t answers = 0;
    std::optional<std::uint64_t> answers_before;  // when it was looked at last, where calls waited then
  };
  class Waiting {
   public:
    explicit Waiting(Member& member) : member_(member) { ++member_.waiting; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { --member_.waiting; }

   private:
    Member& member_;
  };

  [[nodiscard]] Task<std::vector<Reply>> call(Call call);
  [[nodiscard]] Task<Obstacle> attempt(Call& call);
  [[nodiscard]] Task<std::vector<Reply>> send_to(std::shared_ptr<Member> member, Address address,
                                                 const Call& call);
  [[nodiscard]] std::shared_ptr<Member> member_of(std::uint16_t slot);
  [[nodiscard]] static Task<void> close_member(std::shared_ptr<Member> member);
  void close_unused();
  [[nodiscard]] Task<void> watch_for_silence();
  void throw_if_closed() const;
  [[nodiscard]] std::uint16_t slot_of_shard(std::uint32_t shard) const;

  const std::shared_ptr<Cluster> cluster_;
  std::vector<std::shared_ptr<Member>> members_;
  ClusterListeners listeners_;
  bool watches_ = false;
  bool closed_ = false;
  TaskScope tasks_{"looks after the cluster's nodes"};
};

}  // namespace coterie::brokers::redis
