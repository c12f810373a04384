#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coterie::queue {

/// How something stands, the worst last.
enum class Health : std::uint8_t {
  ok,
  unknown,  ///< it could not be looked at; `found` says what was missing
  warning,  ///< it works, and will surprise somebody
  problem,  ///< jobs are lost, or calls refused
};
[[nodiscard]] std::string_view to_string(Health health) noexcept;

/// One thing that was looked at. Texts are one line each, of any length, and may hold what a server said.
struct Finding {
  std::string check;  ///< what: "persistence", "eviction"; the same words every time
  Health health = Health::ok;
  std::string found;    ///< what is there: "everysec"
  std::string meaning;  ///< what follows from it; may be empty
  std::string change;   ///< what to do about it; empty where there is nothing to do
  /// Of a cluster: the nodes at which it was found, "10.0.0.5:6379"; none where it is the same at all of
  /// them, or concerns all of them together.
  std::vector<std::string> nodes;
  /// The same for programs: name with its unit, and value: {"p99_us", 83}.
  std::vector<std::pair<std::string, double>> numbers;
  Finding() = default;
};

/// All of it, in an order for readers.
struct Diagnosis {
  std::string url;  ///< without the password
  std::vector<Finding> findings;
  Diagnosis() = default;
  /// ok where there is nothing.
  [[nodiscard]] Health worst() const noexcept;
};

/// Looks at what stands behind a broker's URL, also where `open_broker` would refuse it: at its settings,
/// its room, its speed, and what is missing for a queue. It changes nothing there: it makes no file and no
/// key, and needs no rights but to read; what it has none for is `unknown`.
///
/// Blocks the calling thread, for some seconds at most where the broker answers; not to be called on a loop.
/// BadBroker: no such URL, file, password. BrokerUnavailable: nobody answers.
[[nodiscard]] Diagnosis diagnose(std::string_view url);

}  // namespace coterie::queue
