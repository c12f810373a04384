#include "coterie/metrics/snapshot.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <stdexcept>

namespace coterie::metrics {
namespace {

/// In label values a quote too.
void append_escaped(std::string& out, std::string_view text, bool quote) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quote)
      out += "\\\"";
    else
      out += c;
  }
}

std::string rendered(Labels labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ',';
    text.append(name).append("=\"");
    append_escaped(text, value, true);
    text += '"';
  }
  return text;
}

/// For people without an exponent, where it is not too long, and whole numbers without a point; as short as
/// it can be read back.
void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    char buffer[32];
    constexpr double exact = 9007199254740992.0;  // 2^53
    const double size = std::abs(value);
    char* end = nullptr;
    if (size < exact && value == std::trunc(value))
      end = std::to_chars(buffer, std::end(buffer), static_cast<std::int64_t>(value)).ptr;
    else if (size >= 1e-6 && size < exact)
      end = std::to_chars(buffer, std::end(buffer), value, std::chars_format::fixed).ptr;
    else
      end = std::to_chars(buffer, std::end(buffer), value).ptr;
    out.append(buffer, end);
  }
}

std::string_view to_string(Type type) noexcept {
  switch (type) {
    case Type::counter:
      return "counter";
    case Type::gauge:
      return "gauge";
    case Type::histogram:
      break;
  }
  return "histogram";
}

void append_sample(std::string& out, std::string_view name, std::string_view suffix, std::string_view labels,
                   double value) {
  out.append(name).append(suffix);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out += ' ';
  append_number(out, value);
  out += '\n';
}

}  // namespace

Snapshot::Samples& Snapshot::of(const Family& family) {
  const auto [place, is_new] = places_.try_emplace(family.name, families_.size());
  if (is_new) families_.push_back(Samples{&family, {}, {}});
  return families_[place->second];
}

void Snapshot::add(const Family& family, Labels labels, double value) {
  of(family).series.push_back(Series{rendered(labels), value, {}});
}

void Snapshot::add(const Family& family, Labels labels, const Histogram& histogram) {
  Samples& samples = of(family);
  const auto bounds = histogram.bounds();
  if (samples.series.empty()) samples.bounds = bounds;
  if (!std::equal(bounds.begin(), bounds.end(), samples.bounds.begin(), samples.bounds.end()))
    throw std::logic_error("two histograms of " + std::string(family.name) + " have different bounds");
  Series& series = samples.series.emplace_back(Series{rendered(labels), histogram.sum(), {}});
  series.counts.reserve(bounds.size() + 1);
  for (std::size_t i = 0; i <= bounds.size(); ++i) series.counts.push_back(histogram.count(i));
}

void Snapshot::merge(std::vector<Series>& series) {
  std::stable_sort(series.begin(), series.end(),
                   [](const Series& a, const Series& b) { return a.labels < b.labels; });
  std::vector<Series> merged;
  for (Series& each : series) {
    if (merged.empty() || merged.back().labels != each.labels) {
      merged.push_back(std::move(each));
      continue;
    }
    merged.back().value += each.value;
    for (std::size_t i = 0; i < each.counts.size(); ++i) merged.back().counts[i] += each.counts[i];
  }
  series = std::move(merged);
}

std::string Snapshot::text() const {
  std::string out;
  std::string labels;
  for (const Samples& samples : families_) {
    const Family& family = *samples.family;
    out.append("# HELP ").append(family.name).append(" ");
    append_escaped(out, family.help, false);
    out.append("\n# TYPE ").append(family.name).append(" ").append(to_string(family.type)).append("\n");
    std::vector<Series> all = samples.series;
    merge(all);
    for (const Series& series : all) {
      if (family.type != Type::histogram) {
        append_sample(out, family.name, "", series.labels, series.value);
        continue;
      }
      std::uint64_t so_far = 0;
      for (std::size_t i = 0; i < series.counts.size(); ++i) {
        so_far += series.counts[i];
        labels = series.labels;
        if (!labels.empty()) labels += ',';
        labels += "le=\"";
        append_number(labels, i < samples.bounds.size() ? samples.bounds[i] : HUGE_VAL);
        labels += '"';
        append_sample(out, family.name, "_bucket", labels, static_cast<double>(so_far));
      }
      append_sample(out, family.name, "_sum", series.labels, series.value);
      append_sample(out, family.name, "_count", series.labels, static_cast<double>(so_far));
    }
  }
  return out;
}

}  // namespace coterie::metrics
