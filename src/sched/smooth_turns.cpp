#include "coterie/sched/smooth_turns.hpp"

#include <algorithm>
#include <limits>

namespace coterie::detail {

void SmoothTurns::add(std::size_t id, std::uint32_t weight) {
  members_.push_back(Member{static_cast<std::uint32_t>(id), false, 0, 0, 0});
  set_weight(members_.size() - 1, weight);
}

void SmoothTurns::erase(std::size_t place) noexcept {
  const double weight = members_[place].weight;
  if (members_[place].away) --away_;
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(place));
  change_total(-weight);
}

void SmoothTurns::leave(std::size_t place) noexcept {
  members_[place].away = true;
  ++away_;
}

void SmoothTurns::come(std::size_t id, std::uint32_t weight) {
  if (away_ != 0)
    for (Member& member : members_)
      if (member.away && member.id == id) {
        member.away = false;
        --away_;
        return;
      }
  add(id, weight);
}

/// Of those away. They had paid somewhere in the middle of this turn: what they were owed since is what the
/// others would have been owed without them, by weight. That may pay for more of them.
void SmoothTurns::erase_those_who_have_paid() noexcept {
  for (;;) {
    double owed = 0;
    double weight = 0;
    const auto gone = std::remove_if(members_.begin(), members_.end(), [&](const Member& member) {
      if (!member.away || member.owed <= 0) return false;
      owed += member.owed;
      weight += member.weight;
      return true;
    });
    if (gone == members_.end()) return;
    away_ -= static_cast<std::size_t>(members_.end() - gone);
    members_.erase(gone, members_.end());
    const double turns = owed / total_;
    change_total(-weight);
    for (Member& each : members_) each.owed += turns * each.weight;
  }
}

void SmoothTurns::set_weight(std::size_t place, std::uint32_t weight) noexcept {
  Member& member = members_[place];
  const double before = member.weight;
  member.weight = std::clamp<std::uint32_t>(weight, 1, max_weight);
  member.turns_each = 1 / member.weight;
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
  if (away_ != 0) erase_those_who_have_paid();  // whoever is still away is owed nothing: not chosen
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
  constexpr double never = std::numeric_limits<double>::infinity();
  std::size_t best = members_.size();
  double soonest = never;  // so many turns from now
  for (std::size_t place = 0; place < members_.size(); ++place) {
    const Member& member = members_[place];
    const double due = member.owed > 0 ? (total_ - member.owed) * member.turns_each : never;
    if (due < soonest) best = place;
    soonest = std::min(due, soonest);
  }
  // What is owed may all have gone with those that left.
  return best < members_.size() ? best : most_owed();
}

}  // namespace coterie::detail
