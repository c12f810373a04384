#include "coterie/metrics/registry.hpp"

#include <utility>

#include "src/metrics/process.hpp"

namespace coterie::metrics {

void Registry::add(std::shared_ptr<const Source> source) {
  const std::lock_guard lock(mutex_);
  sources_.push_back(std::move(source));
}

Snapshot Registry::collect() const {
  std::vector<std::shared_ptr<const Source>> sources;
  {
    const std::lock_guard lock(mutex_);
    sources = sources_;
  }
  Snapshot snapshot;
  collect_process(snapshot);
  for (const auto& source : sources) source->collect(snapshot);
  return snapshot;
}

}  // namespace coterie::metrics
