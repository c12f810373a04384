// coterie metrics: the queues' gauges for Prometheus, once or as an exporter.
#include <memory>
#include <optional>

#include "coterie/queue/metrics.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/metrics_server.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

struct MetricsFlags {
  std::string broker = default_broker;
  std::optional<std::string> listen;
  bool anyone = false;
};

Task<int> print_once(std::shared_ptr<queue::Broker> broker) {
  Task<std::string> asked = queue::scrape(std::move(broker), nullptr);
  const std::string text = co_await std::move(asked);
  Output::standard().write(text);
  co_return exit_ok;
}

Task<void> until_told() {
  co_await sleep(Duration::max());
}

int export_metrics(const MetricsFlags& flags) {
  if (!flags.listen) return run_briefly(print_once(open_existing(flags.broker)));
  const MetricsAddress address = MetricsAddress::parse("--listen", *flags.listen, flags.anyone);
  const auto registry = std::make_shared<metrics::Registry>();
  const std::shared_ptr<queue::Broker> broker = queue::metered(open_existing(flags.broker), *registry);
  const MetricsServer server(address, [broker, registry] { return queue::scrape(broker, registry); });
  Output::standard().line("serving " + server.url() + ", of " + broker->url() + "; Ctrl-C or SIGTERM stops");
  Output::standard().flush();
  (void)run(until_told());
  return exit_ok;
}

}  // namespace

void add_metrics(CLI::App& app, Action& chosen) {
  auto flags = std::make_shared<MetricsFlags>();
  Flags(app, "metrics", "Print the queues' metrics for Prometheus, or serve them")
      .broker(flags->broker)
      .text("--listen", flags->listen, "Serve them at http://ADDRESS:PORT/metrics until told to stop",
            "ADDRESS:PORT")
      .flag("--metrics-public", flags->anyone, "Let --listen be an address that other machines can reach")
      .footer(
          "Serve a store's queues from one process: jobs by state, how long the oldest waits, pauses. What a "
          "worker counts it serves itself: `coterie worker --metrics 9464`. All of them: docs/metrics.md.\n"
          "  coterie metrics --listen 127.0.0.1:9465\n"
          "  coterie metrics > /var/lib/prometheus/node-exporter/coterie.prom")
      .chooses(chosen, [flags] { return export_metrics(*flags); });
}

}  // namespace coterie::cli
