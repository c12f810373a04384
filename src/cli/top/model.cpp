#include "src/cli/top/model.hpp"

#include <algorithm>
#include <numeric>

namespace coterie::cli::top {

using queue::JobState;

void Rates::note(TimePoint now, const std::vector<queue::QueueInfo>& queues) {
  const double seconds = before_ ? std::chrono::duration<double>(now - *before_).count() : 0;
  std::map<std::string, Series> next;
  for (const queue::QueueInfo& info : queues) {
    std::uint64_t ended = 0;
    for (const auto& [state, count] : info.counts)
      if (is_final(state)) ended += count;
    const auto found = queues_.find(info.name);
    Series series = found == queues_.end() ? Series() : std::move(found->second);
    if (seconds > 0) {
      const std::uint64_t more = ended > series.ended ? ended - series.ended : 0;
      series.per_second.push_back(static_cast<double>(more) / seconds);
      if (series.per_second.size() > kept) series.per_second.pop_front();
    }
    series.ended = ended;
    next.emplace(info.name, std::move(series));
  }
  queues_ = std::move(next);
  before_ = now;
}

std::vector<double> Rates::of(const std::string& queue) const {
  const auto found = queues_.find(queue);
  if (found == queues_.end()) return {};
  return {found->second.per_second.begin(), found->second.per_second.end()};
}

double mean_of_last(const std::vector<double>& per_second) noexcept {
  if (per_second.empty()) return -1;
  const std::size_t count = std::min<std::size_t>(per_second.size(), 5);
  return std::accumulate(per_second.end() - static_cast<std::ptrdiff_t>(count), per_second.end(), 0.0) /
         static_cast<double>(count);
}

std::uint64_t QueueRow::count(JobState state) const {
  const auto found = info.counts.find(state);
  return found == info.counts.end() ? 0 : found->second;
}

std::uint64_t Sample::total(JobState state) const {
  std::uint64_t sum = 0;
  for (const QueueRow& queue : queues) sum += queue.count(state);
  return sum;
}

}  // namespace coterie::cli::top
