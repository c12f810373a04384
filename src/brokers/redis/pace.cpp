#include "src/brokers/redis/pace.hpp"

#include <algorithm>
#include <chrono>

namespace coterie::brokers::redis {
namespace {

/// What tells little of the server: the way there and back is most of it.
constexpr std::size_t too_few_to_tell = 16;
/// Of waiting behind others, in a call, until it is too much; and of the call's own work, for clocks and
/// schedulers are not exact.
constexpr double queued_most = 1.5e6;
constexpr double noise = 1;
/// By so much the least time for a job grows with each call that takes longer: servers become slower, too.
constexpr double forgetting = 1.002;
constexpr Duration pause_most = std::chrono::milliseconds(50);
constexpr Duration pause_least = std::chrono::microseconds(50);

}  // namespace

void Pace::note(Duration elapsed, std::size_t jobs, bool full) noexcept {
  if (jobs < too_few_to_tell) {
    if (!full) takes_ = 1;
    pause_ = Duration::zero();
    return;
  }
  const auto took = static_cast<double>(std::chrono::nanoseconds(elapsed).count());
  const double each = took / static_cast<double>(jobs);
  least_ = least_ == 0 ? each : std::min(least_ * forgetting, each);
  const double own = least_ * static_cast<double>(jobs);
  const double queued = took - own;
  if (queued > std::max(queued_most, noise * own)) {
    pause_ = std::min(pause_ + std::chrono::nanoseconds(static_cast<std::int64_t>(queued / 4)), pause_most);
    jobs_ = std::max(jobs_ / 2, jobs_least);
    takes_ = 1;
    return;
  }
  pause_ = pause_ * 3 / 4;
  if (pause_ < pause_least) {
    pause_ = Duration::zero();
    jobs_ = std::min(jobs_ * 2, jobs_most);
  }
  takes_ = full && pause_ == Duration::zero() ? std::min(takes_ * 2, takes_most) : 1;
}

}  // namespace coterie::brokers::redis
