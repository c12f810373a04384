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
///
/// Who is away for a while (leave(), come()) pays first for what it has had beyond its share: until then its
/// part of each turn is counted as if it took part, and it comes back to the debt that is left. So what all
/// are owed is nothing in sum, and nobody can come anew, take a turn and go, while what the others are owed
/// piles up before the next one who comes.
///
/// Who comes owed nothing, with a weight of w among weights of W in all, those away counted, has its turn
/// within W/w turns, rounded up, which is when it is due. For let T be the last turn before that which
/// somebody had who is due later, or the beginning: after T none of those due by then is owed anything, else
/// it would have gone first. From there on they are owed no more than one turn more with each, whoever comes
/// and goes, for who comes is owed nothing: so no more of their turns fall due than there are. In debt, which
/// is less than a turn, it waits for that before: twice as long at most. (Each that leaves while it is
/// owed something, is erased, or given another weight, can add a turn. Up to three, this is not proved but
/// tried.)
class SmoothTurns {
 public:
  /// Weights are 1 to this.
  static constexpr std::uint32_t max_weight = 1'000'000;

  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  [[nodiscard]] std::size_t id(std::size_t place) const noexcept { return members_[place].id; }
  void reserve(std::size_t count) {
    members_.reserve(count);
    away_.reserve(count);
  }
  /// At the end of the places, owed nothing.
  void add(std::size_t id, std::uint32_t weight);
  /// For good: places behind it move up. What it was owed, or owes, goes with it.
  void erase(std::size_t place) noexcept;
  /// It has no turn until it comes back. Places behind it move up.
  void leave(std::size_t place) noexcept;
  /// Back from leave(), with what it owes, or added: at the end of the places.
  void come(std::size_t id, std::uint32_t weight);
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
  void change_total(double difference, double turns) noexcept;
  void let_go_who_has_paid() noexcept;
  [[nodiscard]] std::size_t most_owed() const noexcept;
  [[nodiscard]] std::size_t due_first() const noexcept;

  std::vector<Member> members_;
  std::vector<Member> away_;  // and still in debt
  double total_ = 0;
};

}  // namespace coterie::detail
