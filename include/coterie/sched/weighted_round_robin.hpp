#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "coterie/generator.hpp"
#include "coterie/sched/smooth_turns.hpp"
#include "coterie/spawn.hpp"

namespace coterie {

/// Items that take turns by weight, for ever, interleaved: weights 5, 1, 1 are
/// a a b a c a a. An item is never more than one turn ahead of its share or behind it while none comes, goes
/// or changes its weight. Costs O(n) a turn. Not thread-safe.
///
///     WeightedRoundRobin<std::string> servers;
///     servers.add("big", 5);
///     servers.add("small", 1);
///     connect(servers.next());
template <class T>
class WeightedRoundRobin {
 public:
  /// `weight`: 1 to 1,000,000; std::invalid_argument.
  void add(T item, std::uint32_t weight = 1) {
    check(weight);
    items_.push_back(std::move(item));
    turns_.add(0, weight);
  }
  /// Takes out the first item that equals this; false when none does.
  bool remove(const T& item) {
    const std::size_t place = find(item);
    if (place == items_.size()) return false;
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(place));
    turns_.erase(place);
    return true;
  }
  /// From the next turn on. False when no item equals this; std::invalid_argument for a weight that is none.
  bool set_weight(const T& item, std::uint32_t weight) {
    check(weight);
    const std::size_t place = find(item);
    if (place == items_.size()) return false;
    turns_.set_weight(place, weight);
    return true;
  }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }

  /// The item whose turn it is; valid until items come or go. InvalidState when there is none.
  T& next() {
    if (empty()) throw InvalidState("a WeightedRoundRobin without items has no next one: add() one first");
    return items_[turns_.next()];
  }
  /// The same as a sequence, of copies: ends when there is no item left. Items and weights may change
  /// meanwhile. It takes no tick by itself.
  [[nodiscard]] AsyncGenerator<T> turns() {
    while (!empty()) {
      T item = next();
      co_yield item;
    }
  }

 private:
  static void check(std::uint32_t weight) {
    if (weight == 0 || weight > detail::SmoothTurns::max_weight)
      throw std::invalid_argument("WeightedRoundRobin: a weight is 1 to 1,000,000");
  }
  [[nodiscard]] std::size_t find(const T& item) const {
    std::size_t place = 0;
    while (place < items_.size() && !(items_[place] == item)) ++place;
    return place;
  }
  std::vector<T> items_;
  detail::SmoothTurns turns_;  // in the places of the items
};

}  // namespace coterie
