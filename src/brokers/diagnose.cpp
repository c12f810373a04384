#include <algorithm>
#include <cstdio>

#include "src/brokers/builtin.hpp"
#include "src/brokers/findings.hpp"

// As open_broker: declared by the queue's floor, defined where all brokers are known.
namespace coterie::queue {

std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::unknown:
      return "unknown";
    case Health::warning:
      return "warning";
    default:
      return "problem";
  }
}

Health Diagnosis::worst() const noexcept {
  Health worst = Health::ok;
  for (const Finding& finding : findings) worst = std::max(worst, finding.health);
  return worst;
}

Diagnosis diagnose(std::string_view text) {
  brokers::BrokerUrl url = brokers::parse_broker_url(text);
  BrokerOptions ignored;
  brokers::take_limits(url, ignored);
  if (url.scheme == "sqlite") return brokers::diagnose_sqlite(url);
  if (brokers::is_redis(url)) return brokers::diagnose_redis(url);
  if (url.scheme != "memory") brokers::refuse_scheme(url);
  Diagnosis diagnosis;
  diagnosis.url = url.text;
  brokers::Findings(diagnosis).ok("broker", "in memory",
                                  "it lives and ends with its process: there is nothing to look at");
  return diagnosis;
}

}  // namespace coterie::queue

namespace coterie::brokers {
namespace {

std::string shortened(double value, const char* unit) {
  char text[48];
  std::snprintf(text, sizeof text, value < 10 ? "%.1f %s" : "%.0f %s", value, unit);
  return text;
}

}  // namespace

void report_dead(Findings& out, std::uint64_t dead) {
  if (dead == 0) return;
  out.warning(
      "dead jobs", std::to_string(dead),
      "each is forgotten when its result_ttl is over, and the oldest of a queue where there are more "
      "than its workers keep (100,000 unless they are told otherwise)",
      "`coterie jobs --state dead` shows them and why; `coterie retry` runs them again, `coterie purge` "
      "forgets them",
      {{"dead", static_cast<double>(dead)}});
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes) / 1024;
  const char* const units[] = {"KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; value >= 1024 && unit < 3; ++unit) value /= 1024;
  return shortened(value, units[unit]);
}

std::string microseconds_text(double microseconds) {
  if (microseconds < 1000) return shortened(microseconds, "µs");
  if (microseconds < 1'000'000) return shortened(microseconds / 1000, "ms");
  return shortened(microseconds / 1'000'000, "s");
}

}  // namespace coterie::brokers
