#include "coterie/queue/context.hpp"

#include <algorithm>

#include "coterie/loop.hpp"

namespace coterie::queue {

ProgressNoted JobContext::progress(double fraction, std::string note) {
  {
    const std::lock_guard lock(progress_mutex_);
    progress_ = fraction >= 0 ? std::min(fraction, 1.0) : 0.0;  // NaN too
    note_ = std::move(note);
    progress_dirty_ = true;
  }
  if (const auto host = host_.lock()) host->progress_noted();
  return {};
}

std::optional<Milliseconds> JobContext::remaining() const {
  if (deadline_ == TimePoint::max()) return std::nullopt;
  EventLoop* loop = EventLoop::current_or_null();  // none on the pool's threads
  const TimePoint now = loop != nullptr ? loop->now() : Clock::now();
  return std::max(std::chrono::ceil<Milliseconds>(deadline_ - now), Milliseconds{0});
}

}  // namespace coterie::queue
