#include "src/brokers/redis/node.hpp"

#include <string>
#include <utility>

#include "src/brokers/redis/scripts.hpp"
#include "src/brokers/redis/server_error.hpp"

namespace coterie::brokers::redis {

Node::Node(std::shared_ptr<Locator> locator)
    : locator_(std::move(locator)),
      durability_(locator_->settings()),
      connection_(locator_, [this](Link& link, const ServerInfo& server) { return prepare(link, server); }),
      confirmations_(locator_, durability_) {}

Task<ServerInfo> Node::connect() {
  co_return co_await connection_.connect();
}

Task<void> Node::close() {
  co_await confirmations_.close();
  co_await connection_.close();
}

Task<std::vector<Reply>> Node::send(const std::vector<Command>& commands) {
  co_return co_await send_scripts(connection_, commands);
}

/// On each new connection: another server may answer now, and in a cluster most are met first by a call.
Task<void> Node::prepare(Link& link, const ServerInfo& server) {
  check_eviction(server);
  co_await load_scripts(link, settings());
  co_await check_rights(link);
  co_await durability_.learn(link, server);
}

void Node::check_eviction(const ServerInfo& server) const {
  const std::string& policy = server.maxmemory_policy;
  if (settings().accept_loss || policy.empty() || policy == "noeviction") return;
  throw queue::BadBroker(settings().url() + ": its maxmemory-policy is " + policy +
                         ", so that it would throw jobs away when its memory is full: set it to noeviction" +
                         (settings().by_cluster() ? " (coterie doctor names the node)" : "") +
                         ", or say ?accept_loss=yes");
}

Task<void> Node::check_rights(Link& link) const {
  const std::string prefix = settings().prefix(0);
  Command command = script_call(Script::rights);
  command.arg(prefix);
  for (const std::string& name : commands_in_scripts()) command.arg(name);
  const Reply reply = co_await link.call(std::move(command));
  throw_if_error(reply, settings());
  std::string refused;
  for (const Reply& name : reply.array()) refused += (refused.empty() ? "" : ", ") + name.string();
  if (!refused.empty())
    throw queue::BadBroker(settings().url() + ": this user may not run " + refused + " on " + prefix +
                           "*, as the queue's scripts do: allow it, as by " + acl_cure(settings()));
}

Task<std::vector<Reply>> Node::send_durably(std::vector<Command> commands, const Durable& durable,
                                            const Command& touch) {
  std::vector<Reply> replies = co_await send(commands);
  for (const Reply& reply : replies)
    if (reply.is_error()) co_return replies;
  if (!durability_.question(durable)) co_return replies;
  // Of the server that has just replied: another connection is not made without a pause.
  const std::string wrote_at = connection_.server().replication_id;
  Task<std::string> confirming = confirmations_.confirm(durable, touch);
  const std::string confirmed_at = co_await std::move(confirming);
  if (confirmed_at == wrote_at) co_return replies;
  connection_.drop("its history is another one");
  durability_.throw_unknown(durable, "another server has taken over, or a first replica has come, meanwhile");
}

}  // namespace coterie::brokers::redis
