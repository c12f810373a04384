#pragma once
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/trace/span.hpp"

namespace coterie::trace {

/// Keeps the spans that have ended, in their order.
class Spans final : public SpanSink {
 public:
  void add(SpanData span) noexcept override {
    const std::lock_guard lock(mutex_);
    spans_.push_back(std::move(span));
  }
  [[nodiscard]] std::vector<SpanData> ended() const {
    const std::lock_guard lock(mutex_);
    return spans_;
  }
  [[nodiscard]] SpanData of(SpanId id) const {
    for (const SpanData& span : ended())
      if (span.context.span == id) return span;
    throw std::out_of_range("no span " + id.hex());
  }
  [[nodiscard]] SpanData named(std::string_view name) const {
    for (const SpanData& span : ended())
      if (span.name == name) return span;
    throw std::out_of_range("no span '" + std::string(name) + "'");
  }

 private:
  mutable std::mutex mutex_;
  std::vector<SpanData> spans_;
};

template <class Holder>
Value value_of(const Holder& holder, std::string_view name) {
  for (const Attribute& attribute : holder.attributes)
    if (attribute.name == name) return attribute.value;
  throw std::out_of_range("no attribute '" + std::string(name) + "'");
}
template <class Holder>
std::string text_of(const Holder& holder, std::string_view name) {
  return std::get<std::string>(value_of(holder, name));
}

}  // namespace coterie::trace
