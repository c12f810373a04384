#include "coterie/queue/job.hpp"

#include <array>
#include <cmath>

#include "coterie/queue/broker.hpp"

namespace coterie::queue {
namespace {

constexpr std::array<std::string_view, job_state_count> state_names = {
    "blocked", "scheduled", "ready", "throttled", "leased", "done", "dead", "cancelled", "expired"};

}  // namespace

std::string_view to_string(JobState state) noexcept {
  const auto index = static_cast<std::size_t>(state);
  return index < state_names.size() ? state_names[index] : "unknown";
}

std::optional<JobState> parse_job_state(std::string_view text) noexcept {
  for (std::size_t i = 0; i < state_names.size(); ++i) {
    if (state_names[i] == text) return static_cast<JobState>(i);
  }
  return std::nullopt;
}

std::string_view to_string(CancelResult result) noexcept {
  switch (result) {
    case CancelResult::cancelled:
      return "cancelled";
    case CancelResult::requested:
      return "requested";
    case CancelResult::final:
      return "final";
    case CancelResult::unknown:
      break;
  }
  return "unknown";
}

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::accepted:
      return "accepted";
    case Verdict::already_accepted:
      return "already accepted";
    case Verdict::fenced:
      return "fenced";
    case Verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

Milliseconds Backoff::delay_after(std::uint32_t attempt, double random) const noexcept {
  const double most = static_cast<double>(cap.count());
  const double exponent = attempt > 1 ? static_cast<double>(attempt - 1) : 0.0;
  double delay = static_cast<double>(base.count()) * std::pow(factor, exponent);
  if (!(delay < most)) delay = most;  // also where it overflowed
  delay *= 1.0 - jitter * random;     // at random within the last `jitter` part: never longer than without
  // 2^62: what a caller's own absurd cap would otherwise push out of the integer's range.
  if (!(delay > 0)) return Milliseconds{0};
  return Milliseconds{delay < 0x1p62 ? static_cast<std::int64_t>(delay) : std::int64_t{1} << 62};
}

}  // namespace coterie::queue
