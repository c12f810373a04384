#include "coterie/sched/smooth_turns.hpp"

#include <algorithm>
#include <limits>

namespace coterie::detail {

void SmoothTurns::add(std::size_t id, std::uint32_t weight) {
  members_.push_back(Member{id, 0, 0, 0});
  set_weight(members_.size() - 1, weight);
}

void SmoothTurns::erase(std::size_t place) noexcept {
  const double weight = members_[place].weight;
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(place));
  change_total(-weight, 0);
}

void SmoothTurns::leave(std::size_t place) noexcept {
  away_.push_back(members_[place]);
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(place));
}

void SmoothTurns::come(std::size_t id, std::uint32_t weight) {
  for (auto each = away_.begin(); each != away_.end(); ++each)
    if (each->id == id) {
      members_.push_back(*each);
      away_.erase(each);
      if (members_.back().weight != weight) set_weight(members_.size() - 1, weight);
      return;
    }
  add(id, weight);
}

/// They had paid somewhere in the middle of this turn: what they were owed since is what the others would
/// have been owed without them, by weight. That may pay for more of them.
void SmoothTurns::let_go_who_has_paid() noexcept {
  const auto has_paid = [](const Member& each) { return each.owed > 0; };
  for (;;) {
    const auto gone = std::find_if(away_.begin(), away_.end(), has_paid);
    if (gone == away_.end()) return;
    const double weight = gone->weight;
    const double turns = gone->owed / total_;
    away_.erase(gone);
    change_total(-weight, turns);
  }
}

void SmoothTurns::set_weight(std::size_t place, std::uint32_t weight) noexcept {
  Member& member = members_[place];
  const double before = member.weight;
  member.weight = std::clamp<std::uint32_t>(weight, 1, max_weight);
  member.turns_each = 1 / member.weight;
  change_total(member.weight - before, 0);
}

/// What is owed in turns stays, and so many more are owed to all together.
void SmoothTurns::change_total(double difference, double turns) noexcept {
  const double before = total_;
  total_ += difference;
  if (before == 0) return;
  const double scale = total_ / before;
  for (auto* each : {&members_, &away_})
    for (Member& member : *each) member.owed = member.owed * scale + turns * member.weight;
}

std::size_t SmoothTurns::next() noexcept {
  for (Member& member : members_) member.owed += member.weight;
  for (Member& member : away_) member.owed += member.weight;
  if (!away_.empty()) let_go_who_has_paid();
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
