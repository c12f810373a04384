#include "src/brokers/redis/itinerary.hpp"

#include <algorithm>

namespace coterie::brokers::redis {

Itinerary::Itinerary(std::uint32_t shards) : stands_(shards) {
  for (std::uint32_t i = 0; i < shards; ++i) homes_.push_back(i);
}

bool Itinerary::is_home(std::uint32_t shard) const {
  return std::find(homes_.begin(), homes_.end(), shard) != homes_.end();
}

/// Shards that may have something: its homes, or the others. Where it has not taken from for longest first,
/// or one of them would have to wait until another is empty.
std::vector<std::uint32_t> Itinerary::hungry(bool homes) const {
  const auto count = static_cast<std::uint32_t>(stands_.size());
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t shard = (homes_.front() + i) % count;
    if (!stands_[shard].asleep && !stands_[shard].closed && is_home(shard) == homes) found.push_back(shard);
  }
  std::stable_sort(found.begin(), found.end(), [this](std::uint32_t one, std::uint32_t other) {
    return stands_[one].taken < stands_[other].taken;
  });
  return found;
}

/// As evenly as it goes over the first of them.
std::vector<Visit> Itinerary::share(const std::vector<std::uint32_t>& shards, std::uint32_t want,
                                    std::uint32_t width) {
  std::vector<Visit> visits;
  const auto count = std::min({static_cast<std::uint32_t>(shards.size()), want, std::max(width, 1U)});
  visits.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i)
    visits.emplace_back(shards[i], want / count + (i < want % count ? 1 : 0));
  return visits;
}

std::vector<Visit> Itinerary::begin(const Call& call) {
  lease_ = call.lease;
  std::vector<bool> must(stands_.size(), call.everywhere);
  bool any = call.everywhere;
  for (std::uint32_t i = 0; i < stands_.size(); ++i) {
    Stand& stand = stands_[i];
    stand.closed = false;
    if (call.everywhere || call.told[i] || stand.place_ends <= call.now) stand.asleep = false;
    const bool due = stand.due && *stand.due <= call.now;
    if (call.settles[i] || call.told[i] || due) must[i] = any = true;
  }
  std::vector<std::uint32_t> takes;
  if (call.want > 0) takes = first_takes(call, must);
  if (call.want > 0 && takes.empty() && !any && !call.said_it_lives) {
    quiet_visits(must);
    for (std::uint32_t i = 0; i < stands_.size(); ++i)
      if (must[i]) takes.push_back(i);
  }
  std::vector<Visit> visits = share(takes, call.want, call.width);
  for (const Visit& visit : visits) must[visit.shard] = false;
  for (std::uint32_t i = 0; i < stands_.size(); ++i)
    if (must[i]) visits.emplace_back(i, 0);
  return visits;
}

/// Its homes; where it sleeps and goes anyhow, for a visit that wants nothing gives its place there away; a
/// guest's visit. The others only where there is none of these: what it takes somewhere it must settle there.
std::vector<std::uint32_t> Itinerary::first_takes(const Call& call, const std::vector<bool>& must) {
  std::vector<std::uint32_t> takes = hungry(true);
  for (std::uint32_t i = 0; i < stands_.size(); ++i)
    if (must[i] && (stands_[i].asleep || (call.told[i] && !is_home(i)))) takes.push_back(i);
  std::vector<std::uint32_t> others = hungry(false);
  if (takes.empty()) return others;
  std::erase_if(others, [&](std::uint32_t shard) { return must[shard]; });
  const bool guest_is_due = call.now >= guest_at_ + lease_ * 2 / static_cast<int>(stands_.size());
  if (call.everywhere || !guest_is_due || others.empty()) return takes;
  const auto after_last = [this](std::uint32_t shard) {
    return (shard + stands_.size() - guest_ - 1) % stands_.size();
  };
  guest_ = *std::min_element(others.begin(), others.end(), [&](std::uint32_t one, std::uint32_t other) {
    return after_last(one) < after_last(other);
  });
  guest_at_ = call.now;
  const std::size_t at = std::min<std::size_t>(takes.size(), std::max(call.width, 1U) - 1);
  takes.insert(takes.begin() + static_cast<std::ptrdiff_t>(at), guest_);
  return takes;
}

/// It sleeps everywhere, and nobody has told it anything.
void Itinerary::quiet_visits(std::vector<bool>& must) {
  if (++quiet_ % 2 == 1) {
    for (const std::uint32_t home : homes_) must[home] = true;
    return;
  }
  // From its home on, so that workers that fell asleep together do not come together.
  const auto count = static_cast<std::uint32_t>(stands_.size());
  std::optional<std::uint32_t> next;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t shard = (homes_.front() + i) % count;
    if (!is_home(shard) && (!next || stands_[shard].place_ends < stands_[*next].place_ends)) next = shard;
  }
  must[next.value_or(homes_.front())] = true;
}

std::vector<Visit> Itinerary::go_on(std::uint32_t want, std::uint32_t width) {
  if (want == 0) return {};
  const std::vector<std::uint32_t> homes = hungry(true);
  return share(homes.empty() ? hungry(false) : homes, want, width);
}

void Itinerary::add_to_plan(const std::vector<Visit>& visits) {
  for (const Visit& visit : visits) {
    const bool there =
        std::any_of(plan.begin(), plan.end(), [&](const Visit& each) { return each.shard == visit.shard; });
    if (!there) plan.push_back(visit);
  }
}

void Itinerary::note(std::uint32_t shard, const Seen& seen, queue::Milliseconds now) {
  Stand& stand = stands_[shard];
  if (seen.wanted > 0) stand.taken = ++takes_;
  stand.asleep = seen.asleep && !seen.repeated;
  stand.closed = stand.closed || (seen.wanted > 0 && seen.got < seen.wanted);
  if (stand.asleep) stand.place_ends = now + place_for(lease_) * 2 / 3;
  stand.due = seen.due_in ? std::optional(now + *seen.due_in) : std::nullopt;
  stand.suspects = seen.suspects;
  stand.version = seen.version;
}

/// A quiet worker comes by at one that is not its home with every fourth of its calls.
queue::Milliseconds Itinerary::place_for(queue::Milliseconds lease) const {
  constexpr queue::Milliseconds at_most = std::chrono::hours(12);
  return std::max(lease, std::min(at_most, lease * 2 * static_cast<int>(stands_.size())));
}

bool Itinerary::must_say_it_lives(queue::Milliseconds now, queue::Milliseconds lease) const {
  return !lived_at_ || now - *lived_at_ >= lease * 5 / 8;
}

void Itinerary::settle_at(std::uint64_t rank, std::uint64_t workers, queue::Milliseconds now) {
  lived_at_ = now;
  homes_ = homes_of(rank, workers, static_cast<std::uint32_t>(stands_.size()));
}

std::uint64_t Itinerary::suspects() const noexcept {
  std::uint64_t sum = 0;
  for (const Stand& stand : stands_) sum += stand.suspects;
  return sum;
}

std::uint64_t Itinerary::version() const noexcept {
  std::uint64_t sum = 0;
  for (const Stand& stand : stands_) sum += stand.version;
  return sum;
}

std::optional<queue::Milliseconds> Itinerary::due() const noexcept {
  std::optional<queue::Milliseconds> earliest;
  for (const Stand& stand : stands_)
    if (stand.due && (!earliest || *stand.due < *earliest)) earliest = stand.due;
  return earliest;
}

}  // namespace coterie::brokers::redis
