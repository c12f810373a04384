#include "coterie/sched/weighted_round_robin_policy.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace coterie {
namespace {

void check_weight(std::uint32_t weight) {
  if (weight == 0 || weight > detail::SmoothTurns::max_weight)
    throw std::invalid_argument("a weight of " + std::to_string(weight) + ": weights are 1 to " +
                                std::to_string(detail::SmoothTurns::max_weight));
}

}  // namespace

WeightedRoundRobinPolicy::WeightedRoundRobinPolicy(const std::vector<std::uint32_t>& weights)
    : classes_(max_class + 1) {
  if (weights.size() > classes_.size())
    throw std::invalid_argument("weights for " + std::to_string(weights.size()) + " classes: there are " +
                                std::to_string(classes_.size()) + " at most");
  turns_.reserve(classes_.size());
  for (std::size_t i = 0; i < weights.size(); ++i) set_weight(static_cast<SchedClass>(i), weights[i]);
}

WeightedRoundRobinPolicy::Class& WeightedRoundRobinPolicy::class_of(SchedClass sched_class) {
  if (sched_class < 0 || sched_class > max_class) sched_class = 0;
  auto& found = classes_[static_cast<std::size_t>(sched_class)];
  if (!found) found = std::make_unique<Class>();
  return *found;
}

void WeightedRoundRobinPolicy::set_weight(SchedClass sched_class, std::uint32_t weight) {
  if (sched_class < 0 || sched_class > max_class)
    throw std::invalid_argument("scheduling class " + std::to_string(sched_class) + ": classes are 0 to " +
                                std::to_string(max_class));
  check_weight(weight);
  class_of(sched_class).weight = weight;
  for (std::size_t place = 0; place < turns_.size(); ++place)
    if (turns_.id(place) == static_cast<std::size_t>(sched_class)) turns_.set_weight(place, weight);
}

std::uint32_t WeightedRoundRobinPolicy::weight(SchedClass sched_class) const noexcept {
  if (sched_class < 0 || sched_class > max_class) return weight(0);
  const auto& found = classes_[static_cast<std::size_t>(sched_class)];
  return found ? found->weight : 1;
}

void WeightedRoundRobinPolicy::push(Runnable& node) noexcept {
  ticks_.pushed(node);
  if (node.sched_class() == runtime_class) return messages_.push(node);
  Class& its = class_of(node.sched_class());
  its.ready.push_back(node);
  if (its.takes_part) return;
  its.takes_part = true;
  const bool known = node.sched_class() >= 0 && node.sched_class() <= max_class;
  turns_.come(known ? static_cast<std::size_t>(node.sched_class()) : 0, its.weight);
}

void WeightedRoundRobinPolicy::remove(Runnable& node) noexcept {
  ticks_.removed(node);
  if (node.sched_class() == runtime_class) return messages_.remove(node);
  RunList::remove(node);
  may_be_empty_ = any_may_be_empty_ = true;
}

void WeightedRoundRobinPolicy::leave_if_empty(std::size_t place) noexcept {
  Class& its = *classes_[turns_.id(place)];
  if (!its.ready.empty()) return;
  its.takes_part = false;
  turns_.leave(place);
}

/// A class whose last task has just run may be back by now: only what is still empty leaves.
void WeightedRoundRobinPolicy::empty_ones_leave() noexcept {
  if (!std::exchange(any_may_be_empty_, false)) return leave_if_empty(last_turn_);
  for (std::size_t place = turns_.size(); place-- > 0;) leave_if_empty(place);
}

Runnable* WeightedRoundRobinPolicy::pop() noexcept {
  if (ticks_.over()) return nullptr;
  Runnable* const message = messages_.pop(ticks_.ready());
  ticks_.popped();
  if (message != nullptr) return message;
  if (may_be_empty_) empty_ones_leave();
  last_turn_ = turns_.next();
  RunList& ready = classes_[turns_.id(last_turn_)]->ready;
  Runnable* node = ready.pop_front();
  may_be_empty_ = ready.empty();
  return node;
}

}  // namespace coterie
