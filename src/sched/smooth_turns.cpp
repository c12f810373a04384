#include "coterie/sched/smooth_turns.hpp"

#include <algorithm>

namespace coterie::detail {

void SmoothTurns::add(std::size_t id, std::uint32_t weight) {
  members_.push_back(Member{id, 0, 0});
  set_weight(members_.size() - 1, weight);
}

void SmoothTurns::erase(std::size_t place) noexcept {
  const double weight = members_[place].weight;
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(place));
  change_total(-weight);
}

void SmoothTurns::set_weight(std::size_t place, std::uint32_t weight) noexcept {
  Member& member = members_[place];
  const double before = member.weight;
  member.weight = std::clamp<std::uint32_t>(weight, 1, max_weight);
  change_total(member.weight - before);
}

/// What is owed in turns stays.
void SmoothTurns::change_total(double difference) noexcept {
  const double before = total_;
  total_ += difference;
  if (before > 0)
    for (Member& each : members_) each.owed *= total_ / before;
}

std::size_t SmoothTurns::next() noexcept {
  for (Member& member : members_) member.owed += member.weight;
  const std::size_t place = members_.size() > 3 ? due_first() : most_owed();
  members_[place].owed -= total_;
  return place;
}

std::size_t SmoothTurns::most_owed() const noexcept {
  std::size_t best = 0;
  for (std::size_t place = 1; place < members_.size(); ++place)
    if (members_[place].owed > members_[best].owed) best = place;
  return best;
}

/// Of those that are owed something, the one that would first be owed more than a turn.
std::size_t SmoothTurns::due_first() const noexcept {
  // A turn is due (total - owed) / weight turns from now; multiplied out, which is exact.
  const auto sooner = [this](const Member& a, const Member& b) {
    return (total_ - a.owed) * b.weight < (total_ - b.owed) * a.weight;
  };
  std::size_t best = most_owed();  // where what is owed went with who left, that may be nobody
  for (std::size_t place = 0; place < members_.size(); ++place)
    if (members_[place].owed > 0 && sooner(members_[place], members_[best])) best = place;
  return best;
}

}  // namespace coterie::detail
