#include "src/brokers/redis/cluster_servers.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "src/brokers/redis/backoff.hpp"
#include "src/brokers/redis/server_error.hpp"

namespace coterie::brokers::redis {
namespace {

using queue::BrokerUnavailable;

/// Nodes that send a call to each other in a circle disagree: then they need time.
constexpr int redirections_in_a_row = 5;
/// So long a master may say nothing while calls wait for it, before others are asked about it; then less and
/// less often.
constexpr Duration silent_for = std::chrono::seconds(1);
constexpr Duration asks_at_least_every = std::chrono::seconds(8);

std::string place_of(std::uint16_t slot, std::uint32_t shard) {
  return "slot " + std::to_string(slot) + ", where shard " + std::to_string(shard) + " of the queue is";
}
std::string is_on_its_way(std::uint16_t slot, std::uint32_t shard) {
  return place_of(slot, shard) +
         ", is being moved from one node to another, and its jobs wait until that is done: repeat; where "
         "nobody "
         "moves it any more, redis-cli --cluster fix ends it";
}
std::string nobody_has(std::uint16_t slot, std::uint32_t shard) {
  return "no node has " + place_of(slot, shard) + ": redis-cli --cluster check tells more";
}

/// The server has not run it, and another one, or the same later, may.
bool was_turned_away(const Reply& reply) {
  return is_elsewhere(reply) || is_moving(reply);
}

}  // namespace

ClusterServers::ClusterServers(Settings settings)
    : cluster_(std::make_shared<Cluster>(std::move(settings))), listeners_(cluster_) {
  cluster_->on_map([this] {
    listeners_.follow_map();
    close_unused();
  });
}

Task<void> ClusterServers::open() {
  co_await cluster_->look();
  const std::uint16_t slot = slot_of_shard(0);
  if (cluster_->map().master_of(slot) == nullptr)
    throw BrokerUnavailable(settings().url() + ": " + nobody_has(slot, 0));
  if (cluster_->is_arriving(slot)) throw BrokerUnavailable(settings().url() + ": " + is_on_its_way(slot, 0));
  const std::shared_ptr<Member> member = member_of(slot);
  (void)co_await member->node.connect();
}

Task<void> ClusterServers::close() {
  closed_ = true;
  cluster_->on_map(nullptr);
  co_await listeners_.close();
  const std::vector<std::shared_ptr<Member>> members = std::exchange(members_, {});
  for (const std::shared_ptr<Member>& member : members) co_await member->node.close();
  co_await tasks_.close();
  co_await cluster_->close();
}

std::uint16_t ClusterServers::slot_of_shard(std::uint32_t shard) const {
  return slot_of(settings().prefix(shard));
}

Task<std::vector<Reply>> ClusterServers::send(std::uint32_t shard, std::vector<Command> commands) {
  Call what;
  what.shard = shard;
  what.commands = std::move(commands);
  Task<std::vector<Reply>> calling = call(std::move(what));
  co_return co_await std::move(calling);
}

Task<std::vector<Reply>> ClusterServers::send_durably(std::uint32_t shard, std::vector<Command> commands,
                                                      Durable durable, Command touch) {
  Call what;
  what.shard = shard;
  what.commands = std::move(commands);
  what.durable = durable;
  what.touch = std::move(touch);
  Task<std::vector<Reply>> calling = call(std::move(what));
  co_return co_await std::move(calling);
}

std::unique_ptr<Subscription> ClusterServers::listen(std::uint32_t shard, std::string channel,
                                                     Subscription::OnMessage on_message,
                                                     Subscription::OnConnected on_connected) {
  return listeners_.listen(slot_of_shard(shard), std::move(channel), std::move(on_message),
                           std::move(on_connected));
}

std::shared_ptr<ClusterServers::Member> ClusterServers::member_of(std::uint16_t slot) {
  const std::shared_ptr<Locator> place = cluster_->locator(slot);
  for (const std::shared_ptr<Member>& member : members_)
    if (member->node.locator() == place) return member;
  close_unused();
  return members_.emplace_back(std::make_shared<Member>(place));
}

/// Two of them may have come together, where one master took over the slots of another.
void ClusterServers::close_unused() {
  std::erase_if(members_, [this](const std::shared_ptr<Member>& member) {
    const bool unused = member->waiting == 0 && !cluster_->is_given_out(*member->node.locator());
    if (unused) tasks_.spawn(close_member, member);
    return unused;
  });
}

Task<void> ClusterServers::close_member(std::shared_ptr<Member> member) {
  co_await member->node.close();
}

void ClusterServers::throw_if_closed() const {
  if (closed_) throw BrokerUnavailable(settings().url() + ": the broker was closed");
}

Task<std::vector<Reply>> ClusterServers::call(Call call) {
  call.slot = slot_of_shard(call.shard);
  EventLoop& loop = EventLoop::current();
  const TimePoint until = loop.now() + settings().command_timeout;
  Backoff backoff;
  for (int redirections = 0;;) {
    Obstacle obstacle = co_await attempt(call);
    if (call.commands.empty()) co_return std::move(call.answers);
    if (!obstacle && ++redirections <= redirections_in_a_row) continue;
    redirections = 0;
    if (loop.now() >= until)
      throw BrokerUnavailable(settings().url() + ": " +
                              obstacle.value_or("its nodes do not agree on who has slot " +
                                                std::to_string(call.slot) + ": repeat"));
    backoff.failed();
    co_await sleep(std::min(backoff.next(), until) - loop.now());
  }
}

/// Takes what is answered out of the call. Gives why the rest cannot go on at once.
Task<ClusterServers::Obstacle> ClusterServers::attempt(Call& call) {
  const auto is_settled = [&] {
    return cluster_->map().master_of(call.slot) != nullptr && !cluster_->is_arriving(call.slot);
  };
  if (!is_settled()) co_await cluster_->look();
  throw_if_closed();
  const Address* const master = cluster_->map().master_of(call.slot);
  if (master == nullptr) co_return nobody_has(call.slot, call.shard);
  if (!is_settled()) co_return is_on_its_way(call.slot, call.shard);
  const Address from = *master;
  const std::shared_ptr<Member> member = member_of(call.slot);
  Task<std::vector<Reply>> sending = send_to(member, from, call);
  std::vector<Reply> replies = co_await std::move(sending);
  const auto refused = std::ranges::find_if(replies, was_turned_away);
  const auto served = refused - replies.begin();
  call.answers.insert(call.answers.end(), std::make_move_iterator(replies.begin()),
                      std::make_move_iterator(refused));
  call.commands.erase(call.commands.begin(), call.commands.begin() + served);
  if (refused == replies.end()) co_return Obstacle();
  const std::optional<Redirection> redirection = redirection_of(*refused, from);
  const std::string said = " (Redis: " + refused->error() + ")";
  if (redirection && redirection->for_good) {
    cluster_->prefer(redirection->to);
    co_await cluster_->look_anew();
    co_return Obstacle();
  }
  if (!refused->is_error("CLUSTERDOWN")) co_return is_on_its_way(call.slot, call.shard) + said;
  cluster_->blame(from);
  co_await cluster_->look();
  co_return "the cluster is down: redis-cli --cluster check tells which slots have no master" + said;
}

Task<std::vector<Reply>> ClusterServers::send_to(std::shared_ptr<Member> member, Address address,
                                                 const Call& call) {
  member->address = std::move(address);
  const Waiting waiting(*member);
  if (!watches_) tasks_.spawn(&ClusterServers::watch_for_silence, this);
  watches_ = true;
  std::vector<Reply> replies;
  if (call.touch)
    replies = co_await member->node.send_durably(call.commands, call.durable, *call.touch);
  else
    replies = co_await member->node.send(call.commands);
  ++member->answers;
  co_return replies;
}

/// A master that hangs says nothing, nor does the connection to it: the others know whether it was replaced.
Task<void> ClusterServers::watch_for_silence() {
  for (Duration pause = silent_for;;) {
    const std::vector<std::shared_ptr<Member>> members = members_;
    for (const std::shared_ptr<Member>& member : members)
      member->answers_before = member->waiting > 0 ? std::optional(member->answers) : std::nullopt;
    co_await sleep(pause);
    const auto waits = [](const std::shared_ptr<Member>& member) { return member->waiting > 0; };
    const auto is_silent = [](const std::shared_ptr<Member>& member) {
      return member->waiting > 0 && member->answers_before == member->answers;
    };
    if (std::ranges::none_of(members_, waits)) break;
    const auto silent = std::ranges::find_if(members, is_silent);
    pause = silent == members.end() ? silent_for : std::min(2 * pause, asks_at_least_every);
    if (silent == members.end()) continue;
    cluster_->blame((*silent)->address);
    Task<void> looking = cluster_->look();
    const Outcome<void> end = co_await outcome(std::move(looking));
    if (end.cancelled()) end.get();
  }
  watches_ = false;
}

}  // namespace coterie::brokers::redis
