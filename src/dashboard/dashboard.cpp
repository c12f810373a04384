#include "coterie/dashboard/dashboard.hpp"

#include "coterie/group.hpp"
#include "coterie/http/server.hpp"
#include "src/dashboard/service.hpp"

namespace coterie::dashboard {
namespace {

std::string url_of(const DashboardOptions& options, std::uint16_t port) {
  const bool v6 = options.host.find(':') != std::string::npos;
  return std::string(options.tls ? "https://" : "http://") + (v6 ? "[" + options.host + "]" : options.host) +
         ":" + std::to_string(port) + "/";
}

Task<void> watch(Service* service) {
  return service->monitor().run();
}

Task<void> serve_http(Service* service, io::Listener listener, http::ServerOptions options) {
  http::Handler handler = [service](http::Request request) { return service->answer(std::move(request)); };
  return http::serve(std::move(listener), std::move(handler), std::move(options));
}

}  // namespace

Task<void> serve(std::shared_ptr<queue::Broker> broker, DashboardOptions options) {
  Service service(std::move(broker), options);
  Task<io::Listener> opening = io::listen_tcp(options.host, options.port);
  io::Listener listener = co_await std::move(opening);
  http::ServerOptions http_options;
  http_options.tls = options.tls;
  http_options.headers = security_headers(options.tls.has_value());
  if (options.listening) options.listening(url_of(options, listener.port()));
  auto both = [&](TaskGroup& group) -> Task<void> {
    group.spawn(SpawnOptions("dashboard: monitor"), watch, &service);
    group.spawn(SpawnOptions("dashboard: http"), serve_http, &service, std::move(listener),
                std::move(http_options));
    co_return;
  };
  co_await task_group(both);
}

}  // namespace coterie::dashboard
