#include "src/brokers/redis/node.hpp"

#include <iterator>
#include <string>
#include <utility>

#include "src/brokers/redis/scripts.hpp"
#include "src/brokers/redis/server_error.hpp"

namespace coterie::brokers::redis {

Node::Node(std::shared_ptr<Locator> locator)
    : locator_(std::move(locator)),
      durability_(locator_->settings()),
      connection_(locator_, [this](Link& link, const ServerInfo& server) { return prepare(link, server); }) {}

Task<ServerInfo> Node::connect() {
  ServerInfo server = co_await connection_.connect();
  if (!settings().accept_loss && !server.maxmemory_policy.empty() && server.maxmemory_policy != "noeviction")
    throw queue::BadBroker(
        settings().url() + ": its maxmemory-policy is " + server.maxmemory_policy +
        ", so that it would throw jobs away when its memory is full: set it to noeviction, or say "
        "?accept_loss=yes");
  co_return server;
}

Task<void> Node::close() {
  co_await connection_.close();
}

Task<std::vector<Reply>> Node::send(const std::vector<Command>& commands) {
  std::vector<Reply> replies = co_await connection_.call_all(commands);
  bool lost_scripts = false;
  for (const Reply& reply : replies) {
    lost_scripts = lost_scripts || reply.is_error("NOSCRIPT");
    if (reply.is_error("READONLY")) connection_.drop("it has become a replica");
  }
  if (!lost_scripts) co_return replies;
  const std::vector<Command> loads = script_loads();
  const std::vector<Reply> loaded = co_await connection_.call_all(loads);
  for (const Reply& reply : loaded) throw_if_error(reply, settings());
  replies = co_await connection_.call_all(commands);
  co_return replies;
}

/// On each new connection.
Task<void> Node::prepare(Link& link, const ServerInfo& server) {
  co_await load_scripts(link, settings());
  co_await check_rights(link);
  co_await durability_.learn(link, server);
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
                           "*, as the queue's scripts do: allow it, as by " + acl_example(settings()));
}

/// Behind the scripts: a write, for see touch.lua, and what asks for it.
void Node::ask_for(const Durable& durable, const Command& touch, std::vector<Command>& commands) const {
  std::optional<Command> question = durability_.question(durable);
  if (!question) return;
  commands.push_back(touch);
  commands.push_back(std::move(*question));
}

Task<std::vector<Reply>> Node::send_durably(std::vector<Command> commands, const Durable& durable,
                                            const Command& touch) {
  const std::size_t scripts = commands.size();
  const std::uint64_t connection = connection_.connections();
  ask_for(durable, touch, commands);
  std::vector<Reply> replies = co_await send(commands);
  const std::vector<Reply> answers(
      std::make_move_iterator(replies.begin() + static_cast<std::ptrdiff_t>(scripts)),
      std::make_move_iterator(replies.end()));
  replies.resize(scripts);
  for (const Reply& reply : replies)
    if (reply.is_error()) co_return replies;
  durability_.check(durable, answers);
  if (connection_.connections() == connection) co_return replies;
  // It went over a newer connection than the one for which it was composed, and what is to be asked there may
  // be something else.
  std::vector<Command> again;
  ask_for(durable, touch, again);
  if (again.empty()) co_return replies;
  const std::vector<Reply> newer = co_await send(again);
  durability_.check(durable, newer);
  co_return replies;
}

}  // namespace coterie::brokers::redis
