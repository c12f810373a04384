#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coterie::detail {

/// Whose turn it is among some that take turns by weight, interleaved. Up to three: each turn goes to the one
/// that is owed most, which is as even as can be, 5, 1, 1 is a a b a c a a. More: of those that are owed
/// something, to the one whose turn is due first, for most owed first would leave the light ones behind. So
/// nobody is ever more than one turn ahead of its share or behind it, as long as the same ones take part.
/// When somebody comes, goes or changes its weight, what the others are owed stays, in turns. Costs O(n) a
/// turn.
class SmoothTurns {
 public:
  /// Weights are 1 to this.
  static constexpr std::uint32_t max_weight = 1'000'000;

  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  [[nodiscard]] std::size_t id(std::size_t place) const noexcept { return members_[place].id; }
  /// At the end of the places, owed nothing.
  void add(std::size_t id, std::uint32_t weight);
  /// Places behind it move up. What it was owed, or owes, goes with it.
  void erase(std::size_t place) noexcept;
  /// From the next turn on.
  void set_weight(std::size_t place, std::uint32_t weight) noexcept;
  /// The place that has the next turn, and takes it. Precondition: size() > 0.
  [[nodiscard]] std::size_t next() noexcept;

 private:
  // Whole numbers, exact as such, until what is owed is scaled to a new sum; nothing can overflow.
  struct Member {
    std::size_t id;
    double weight;
    double turns_each;  // 1 / weight
    double owed;        // in turns, times the sum of the weights
  };
  void change_total(double difference) noexcept;
  [[nodiscard]] std::size_t most_owed() const noexcept;
  [[nodiscard]] std::size_t due_first() const noexcept;

  std::vector<Member> members_;
  double total_ = 0;
};

}  // namespace coterie::detail
