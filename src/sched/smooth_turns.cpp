#include "coterie/sched/smooth_turns.hpp"

#include <algorithm>

namespace coterie::detail {

void SmoothTurns::add(std::size_t id, std::uint32_t weight) {
  members_.push_back(Member{id, 1, 1, 0});
  due_.resize(members_.size() + 1);
  total_ += 1;
  set(members_.back(), weight);
}

void SmoothTurns::set(Member& member, std::uint32_t weight) noexcept {
  total_ -= member.weight;
  member.weight = std::clamp<std::int64_t>(weight, 1, max_weight);
  member.turns_each = 1 / static_cast<double>(member.weight);
  total_ += member.weight;
}

void SmoothTurns::erase(std::size_t place) noexcept {
  total_ -= members_[place].weight;
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(place));
}

void SmoothTurns::set_weight(std::size_t place, std::uint32_t weight) noexcept {
  const std::int64_t before = total_;
  set(members_[place], weight);
  for (Member& each : members_) each.owed = each.owed * total_ / before;
}

std::size_t SmoothTurns::next() noexcept {
  for (Member& member : members_) member.owed += member.weight;
  std::size_t place = most_owed();
  if (members_.size() > 4) {
    const std::size_t due = due_first();
    if (due != place && no_slack()) place = due;  // the look ahead costs most: only where it decides
  }
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
  const auto turns_until_due = [this](const Member& member) {
    return static_cast<double>(total_ - member.owed) * member.turns_each;
  };
  std::size_t best = members_.size();
  for (std::size_t place = 0; place < members_.size(); ++place) {
    if (members_[place].owed <= 0) continue;
    if (best == members_.size() || turns_until_due(members_[place]) < turns_until_due(members_[best]))
      best = place;
  }
  return best < members_.size() ? best : most_owed();
}

/// Whether for some number of turns to come, this one included, as many are due within them. Further ahead
/// than there are members nothing is decided by this turn.
bool SmoothTurns::no_slack() noexcept {
  const auto horizon = static_cast<std::int64_t>(members_.size());
  std::fill(due_.begin(), due_.end(), 0);
  for (const Member& member : members_) {
    // Its turns are due when it would be owed more than one after so many turns from now, then again each
    // total/weight turns. Rather too early than too late.
    for (std::int64_t limit = total_ - member.owed; limit < member.weight * horizon; limit += total_)
      ++due_[limit < 0 ? 0
                       : static_cast<std::size_t>(static_cast<double>(limit) * member.turns_each - 1e-6) + 1];
  }
  std::int64_t sum = 0;
  for (std::int64_t turn = 0; turn <= horizon; ++turn) {
    sum += due_[static_cast<std::size_t>(turn)];
    if (sum > turn) return true;
  }
  return false;
}

}  // namespace coterie::detail
