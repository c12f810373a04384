#include "src/cli/metrics_server.hpp"

#include <arpa/inet.h>

#include "coterie/io/listen.hpp"
#include "coterie/metrics/endpoint.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

RuntimeOptions one_loop() {
  RuntimeOptions options;
  options.loops = 1;
  options.name = "coterie-metrics";
  options.stack_bytes = std::size_t{1} << 20;
  return options;
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

Task<std::string> begin(MetricsAddress address, std::function<Task<std::string>()> page) {
  io::Listener listener = co_await io::listen_tcp(address.host, address.port);
  std::string where = listener.str();
  spawn(named("metrics"), &metrics::serve, std::move(listener), std::move(page));
  co_return where;
}

}  // namespace

MetricsAddress MetricsAddress::parse(const std::string& flag, const std::string& text, bool anyone) {
  const ListenAddress read = parse_address(flag, text);
  if (!read.port) throw UsageError(flag + " '" + text + "': give a port too, 127.0.0.1:9464 say");
  MetricsAddress address;
  address.host = read.host;
  address.port = *read.port;
  if (!anyone && !is_loopback(address.host))
    throw UsageError(
        flag + " '" + text +
        "': other machines could read the names of your queues and tasks there, for nobody is asked "
        "for a password; listen at 127.0.0.1, or say --metrics-public too");
  return address;
}

MetricsServer::MetricsServer(const MetricsAddress& address, std::function<Task<std::string>()> page)
    : runtime_(one_loop()) {
  const RemoteHandle<std::string> begun = spawn_on(runtime_.loop(0), &begin, address, std::move(page));
  url_ = "http://" + begun.get() + "/metrics";
}

}  // namespace coterie::cli
