#include "src/brokers/redis/server_error.hpp"

#include "src/brokers/redis/handshake.hpp"

namespace coterie::brokers::redis {
namespace {

bool holds(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

bool is_elsewhere(const Reply& reply) {
  return reply.is_error("MOVED") || reply.is_error("ASK") || reply.is_error("TRYAGAIN") ||
         reply.is_error("CLUSTERDOWN");
}

bool is_moving(const Reply& reply) {
  return reply.is_error() && holds(reply.error(), "COTERIE MOVING");
}

void throw_if_error(const Reply& reply, const Settings& settings) {
  if (reply.kind() != Reply::Kind::error) return;
  const std::string& text = reply.error();
  const std::string url = settings.url() + ": ";
  const std::string said = " (Redis: " + text + ")";
  if (holds(text, "COTERIE LAYOUT"))
    throw queue::BadBroker(
        url + "its namespace '" + settings.key_namespace +
        "' was made by another version of coterie: use that one, or choose another ?namespace=" + said);
  if (holds(text, "COTERIE QUEUES") || holds(text, "COTERIE HANDLERS"))
    throw queue::BrokerUnavailable(
        url + "it has jobs of 16,777,215 " + (holds(text, "QUEUES") ? "queues" : "handlers of one queue") +
        ", and cannot have more at a time: let workers finish some, or use fewer names" + said);
  if (reply.is_error("NOPERM") || holds(text, "The user executing the script can't"))
    throw queue::BadBroker(url + "its user may not do what the queue needs: allow it, as by " +
                           acl_cure(settings) + said);
  if (reply.is_error("OOM"))
    throw queue::BrokerUnavailable(url +
                                   "its memory is full; nothing was written: raise maxmemory, or let workers "
                                   "finish what is there" +
                                   said);
  if (reply.is_error("READONLY"))
    throw queue::BrokerUnavailable(
        url + "it has become a replica: wait for the failover, or name the master" + said);
  if (reply.is_error("NOREPLICAS"))
    throw queue::BrokerUnavailable(
        url +
        "it has fewer replicas than its min-replicas-to-write wants and takes no writes: bring replicas "
        "back, or wait for the failover" +
        said);
  if (reply.is_error("MISCONF"))
    throw queue::BrokerUnavailable(url + "it cannot save to its disk and refuses writes: make room there" +
                                   said);
  if (reply.is_error("BUSY") || reply.is_error("LOADING") || reply.is_error("MASTERDOWN") ||
      reply.is_error("TRYAGAIN") || reply.is_error("CLUSTERDOWN"))
    throw queue::BrokerUnavailable(url + "it cannot serve now: repeat" + said);
  throw queue::BrokerUnavailable(url + "it refused a call of the queue" + said);
}

}  // namespace coterie::brokers::redis
