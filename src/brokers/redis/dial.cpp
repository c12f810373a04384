#include "src/brokers/redis/dial.hpp"

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/io/tcp.hpp"
#include "coterie/io/unix.hpp"
#include "coterie/queue/errors.hpp"
#include "coterie/timeout.hpp"

namespace coterie::brokers::redis {
namespace {

/// To be replaced by io::connect_tls.
Task<io::Stream> connect_tls(const Settings& settings) {
  throw queue::BadBroker(settings.url() +
                         ": this build has no TLS for Redis yet; write redis:// and protect the way to the "
                         "server otherwise, by a tunnel or a private network");
  co_return co_await io::connect_unix({});
}

Task<io::Stream> connect(const Settings& settings) {
  io::ConnectOptions options;
  options.timeout = settings.connect_timeout;
  if (!settings.socket_path.empty()) return io::connect_unix(settings.socket_path, options);
  if (settings.tls) return connect_tls(settings);
  return io::connect_tcp(settings.host, settings.port, options);
}

}  // namespace

Task<io::Stream> dial(const Settings& settings) {
  Task<io::Stream> connecting = connect(settings);
  Outcome<io::Stream> end = co_await outcome(std::move(connecting));
  try {
    co_return std::move(end).get();
  } catch (const TimeoutError& error) {
    throw queue::BrokerUnavailable(settings.url() + ": " + error.what() +
                                   ": is the address right, does a firewall drop packets?");
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::permission_denied && !settings.socket_path.empty())
      throw queue::BadBroker(settings.url() + ": " + error.what() +
                             ": whoever runs this needs write permission to the socket; Debian's belongs to "
                             "the group redis");
    throw queue::BrokerUnavailable(settings.url() + ": " + error.what() +
                                   ": is a Redis server running there?");
  }
}

}  // namespace coterie::brokers::redis
