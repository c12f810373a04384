#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coterie::detail {

/// Whose turn it is among some that take turns by weight, interleaved as evenly as can be: 5, 1, 1 is
/// a a b a c a a. Each turn goes to the one that is owed most; with more than four, to the one whose turn is
/// due first where it could otherwise come too late. So nobody is ever more than one turn ahead of its share
/// or behind it, as long as the same ones take part. Costs O(n) a turn.
class SmoothTurns {
 public:
  /// Weights are 1 to this.
  static constexpr std::uint32_t max_weight = 1'000'000;

  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  [[nodiscard]] std::size_t id(std::size_t place) const noexcept { return members_[place].id; }
  /// At the end of the places, owed nothing.
  void add(std::size_t id, std::uint32_t weight);
  /// Places behind it move up.
  void erase(std::size_t place) noexcept;
  /// From the next turn on; what is owed in turns stays.
  void set_weight(std::size_t place, std::uint32_t weight) noexcept;
  /// The place that has the next turn, and takes it. Precondition: size() > 0.
  [[nodiscard]] std::size_t next() noexcept;

 private:
  struct Member {
    std::size_t id;
    std::int64_t weight;
    double turns_each;  // 1 / weight: how long one turn of the sum lasts
    std::int64_t owed;  // in turns, times the sum of the weights
  };
  void set(Member& member, std::uint32_t weight) noexcept;
  [[nodiscard]] std::size_t most_owed() const noexcept;
  [[nodiscard]] std::size_t due_first() const noexcept;
  [[nodiscard]] bool no_slack() noexcept;

  std::vector<Member> members_;
  std::vector<std::uint32_t> due_;  // scratch of no_slack()
  std::int64_t total_ = 0;
};

}  // namespace coterie::detail
