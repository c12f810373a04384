#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace coterie::metrics {

// Where counting happens. One thread at a time writes a cell and any thread may read it meanwhile, so that an
// increment is a plain load and a plain store, and never a locked instruction.

/// Only grows.
class Counter {
 public:
  void add(std::uint64_t more = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What is so now.
class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// How often a measured value was at most so large, for each of `bounds`, and their sum.
class Histogram {
 public:
  static constexpr std::size_t most_bounds = 18;

  /// `bounds`: ascending, at most `most_bounds`; of static lifetime.
  explicit Histogram(std::span<const double> bounds) noexcept : bounds_(bounds) {}

  void observe(double value) noexcept {
    const auto bucket =
        static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin());
    counts_[bucket].add();
    sum_.set(sum_.value() + value);
  }
  [[nodiscard]] std::span<const double> bounds() const noexcept { return bounds_; }
  /// In bucket `index` alone; the one behind the last bound has what was larger.
  [[nodiscard]] std::uint64_t count(std::size_t index) const noexcept { return counts_[index].value(); }
  [[nodiscard]] std::uint64_t total() const noexcept {
    std::uint64_t all = 0;
    for (const Counter& count : counts_) all += count.value();
    return all;
  }
  [[nodiscard]] double sum() const noexcept { return sum_.value(); }

 private:
  std::span<const double> bounds_;
  std::array<Counter, most_bounds + 1> counts_;
  Gauge sum_;
};

}  // namespace coterie::metrics
