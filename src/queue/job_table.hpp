#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/metrics/cells.hpp"
#include "coterie/metrics/snapshot.hpp"

namespace coterie::queue {

/// Counters by queue and task, for names that were known before: a label for each pair of them that occurs,
/// and `_other` for every other name and for pairs beyond metrics::most_label_values. Where there cannot be
/// more pairs than that, all of them begin at 0. One thread at a time writes, any reads.
///
/// `Cells` is made from the place of its queue, see queue_count().
template <class Cells>
class JobTable {
 public:
  JobTable(std::vector<std::string> queues, std::vector<std::string> tasks)
      : queues_(labels(std::move(queues))),
        tasks_(labels(std::move(tasks))),
        pairs_(queues_.size() * tasks_.size()) {
    const std::size_t known = (queues_.size() - 1) * (tasks_.size() - 1);
    if (known > metrics::most_label_values) return;
    for (std::size_t queue = 0; queue + 1 < queues_.size(); ++queue)
      for (std::size_t task = 0; task + 1 < tasks_.size(); ++task) (void)at(queue, task);
  }

  Cells& of(std::string_view queue, std::string_view task) {
    if (last_ != nullptr && task == last_task_ && queue == last_queue_) return *last_;
    const std::size_t in = place(queues_, queue);
    const std::size_t of = place(tasks_, task);
    Cells* cells = pairs_[in * tasks_.size() + of].load(std::memory_order_relaxed);
    if (cells == nullptr) cells = &at(in, made_ < metrics::most_label_values ? of : tasks_.size() - 1);
    const bool folded =
        cells == pairs_[in * tasks_.size() + tasks_.size() - 1].load(std::memory_order_relaxed);
    if (folded || in + 1 == queues_.size()) {
      dropped_.add();
      return *cells;
    }
    last_ = cells;
    last_queue_ = queue;
    last_task_ = task;
    return *cells;
  }
  /// Calls visit(queue, task, cells) for each pair that there is.
  template <class Visit>
  void each(Visit visit) const {
    for (std::size_t queue = 0; queue < queues_.size(); ++queue) {
      for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const Cells* cells = pairs_[queue * tasks_.size() + task].load(std::memory_order_acquire);
        if (cells != nullptr) visit(std::string_view(queues_[queue]), std::string_view(tasks_[task]), *cells);
      }
    }
  }
  /// The known ones, and `_other` as the last.
  [[nodiscard]] const std::vector<std::string>& queues() const noexcept { return queues_; }
  /// What was counted as `_other`.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.value(); }

 private:
  static std::vector<std::string> labels(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    if (names.size() > metrics::most_label_values) names.resize(metrics::most_label_values);
    names.emplace_back(metrics::other_label);
    return names;
  }
  static std::size_t place(const std::vector<std::string>& names, std::string_view name) {
    const auto end = names.end() - 1;
    const auto found = std::lower_bound(names.begin(), end, name);
    return static_cast<std::size_t>((found != end && *found == name ? found : end) - names.begin());
  }
  Cells& at(std::size_t queue, std::size_t task) {
    std::atomic<Cells*>& pair = pairs_[queue * tasks_.size() + task];
    if (Cells* there = pair.load(std::memory_order_relaxed)) return *there;
    owned_.push_back(std::make_unique<Cells>(queue));
    if (task + 1 < tasks_.size()) ++made_;
    pair.store(owned_.back().get(), std::memory_order_release);
    return *owned_.back();
  }

  const std::vector<std::string> queues_;
  const std::vector<std::string> tasks_;
  std::vector<std::atomic<Cells*>> pairs_;
  std::vector<std::unique_ptr<Cells>> owned_;
  std::size_t made_ = 0;
  Cells* last_ = nullptr;
  std::string last_queue_;
  std::string last_task_;
  metrics::Counter dropped_;
};

}  // namespace coterie::queue
