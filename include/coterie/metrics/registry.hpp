#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "coterie/metrics/snapshot.hpp"

namespace coterie::metrics {

/// Something that counts: a worker, a loop, a broker, the process.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;
  /// Adds what it has counted so far. Any thread, several at a time; never waits for what it watches.
  virtual void collect(Snapshot& into) const = 0;
};

/// The sources of a process, and the process itself: the sink in which the libraries leave their metrics.
/// What counts is made with it, WorkerOptions::metrics() say; who serves them to Prometheus calls scrape().
/// Any thread.
class Registry {
 public:
  /// For as long as the registry lives: a counter that vanishes looks like a restart.
  void add(std::shared_ptr<const Source> source);
  [[nodiscard]] Snapshot collect() const;
  /// collect(), as text: see Snapshot::text().
  [[nodiscard]] std::string scrape() const { return collect().text(); }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Source>> sources_;
};

}  // namespace coterie::metrics
