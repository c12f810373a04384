#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coterie/metrics/cells.hpp"

namespace coterie::metrics {

enum class Type : std::uint8_t { counter, gauge, histogram };

/// A metric's name, and what people read about it. A constant: snapshots refer to it.
struct Family {
  std::string_view name;
  Type type;
  std::string_view help;
};

/// Label values that would be more than this in one family are counted together as `other_label`.
inline constexpr std::size_t most_label_values = 200;
inline constexpr std::string_view other_label = "_other";

/// Pairs of name and value. Values are any UTF-8; names are of the program.
using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// What all sources said at one moment, and its text for Prometheus.
class Snapshot {
 public:
  /// A counter or a gauge. The same family and labels again, by another source say, add up.
  void add(const Family& family, Labels labels, double value);
  /// Buckets and sum add up too, where the bounds are the same.
  void add(const Family& family, Labels labels, const Histogram& histogram);

  /// In Prometheus' text format, version 0.0.4: families in the order of their coming, each with HELP and
  /// TYPE, series by their labels.
  [[nodiscard]] std::string text() const;
  /// Of text().
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Series {
    std::string labels;  // `queue="mail",task="send"`
    double value = 0;    // or the sum
    std::vector<std::uint64_t> counts;
  };
  struct Samples {
    const Family* family;
    std::span<const double> bounds;
    std::vector<Series> series;
  };
  Samples& of(const Family& family);
  static void merge(std::vector<Series>& series);
  std::vector<Samples> families_;
  std::unordered_map<std::string_view, std::size_t> places_;
};

}  // namespace coterie::metrics
