#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "coterie/queue/doctor.hpp"
#include "src/brokers/broker_url.hpp"

namespace coterie::brokers {

/// How each broker is looked at; `diagnose` picks by scheme. Defined in the broker's own folder.
[[nodiscard]] queue::Diagnosis diagnose_sqlite(const BrokerUrl& url);
[[nodiscard]] queue::Diagnosis diagnose_redis(const BrokerUrl& url);

/// Writes findings down, one after the other.
class Findings {
 public:
  using Numbers = std::initializer_list<std::pair<std::string_view, double>>;

  explicit Findings(queue::Diagnosis& into) : into_(into) {}

  void ok(std::string_view check, std::string found, std::string meaning = {}, Numbers numbers = {}) {
    add(queue::Health::ok, check, std::move(found), std::move(meaning), {}, numbers);
  }
  /// `why`: "the user lacks +config|get".
  void unknown(std::string_view check, const std::string& why, std::string change = {}) {
    add(queue::Health::unknown, check, "cannot tell: " + why, {}, std::move(change), {});
  }
  void warning(std::string_view check, std::string found, std::string meaning, std::string change,
               Numbers numbers = {}) {
    add(queue::Health::warning, check, std::move(found), std::move(meaning), std::move(change), numbers);
  }
  void problem(std::string_view check, std::string found, std::string meaning, std::string change,
               Numbers numbers = {}) {
    add(queue::Health::problem, check, std::move(found), std::move(meaning), std::move(change), numbers);
  }

 private:
  void add(queue::Health health, std::string_view check, std::string found, std::string meaning,
           std::string change, Numbers numbers) {
    queue::Finding& finding = into_.findings.emplace_back();
    finding.check = check;
    finding.health = health;
    finding.found = std::move(found);
    finding.meaning = std::move(meaning);
    finding.change = std::move(change);
    for (const auto& [name, value] : numbers) finding.numbers.emplace_back(name, value);
  }
  queue::Diagnosis& into_;
};

/// A warning where jobs are dead; nothing where none is.
void report_dead(Findings& out, std::uint64_t dead);

/// "1 job", "300 jobs".
[[nodiscard]] inline std::string jobs_text(std::uint64_t jobs) {
  return std::to_string(jobs) + (jobs == 1 ? " job" : " jobs");
}
/// "0 bytes", "512 KiB", "1.2 GiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// "83 µs", "1.2 ms", "3.4 s".
[[nodiscard]] std::string microseconds_text(double microseconds);
/// The value below which `share` (0 to 1) of the samples lie; they are sorted, and not empty.
template <class Samples>
[[nodiscard]] auto percentile(const Samples& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace coterie::brokers
