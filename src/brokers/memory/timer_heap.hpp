#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "src/brokers/memory/record.hpp"

namespace coterie::brokers::memory {

/// Records by time, earliest first; equal times in the order of creation. Each record knows its place
/// (`Record::timer`), so that any of them leaves in O(log n). A record is in at most one heap at a time.
class TimerHeap {
 public:
  explicit TimerHeap(Pool& pool) : pool_(&pool) {}

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] UnixMillis earliest() const { return entries_.front().at; }
  [[nodiscard]] Slot first() const { return entries_.front().slot; }
  [[nodiscard]] UnixMillis time_of(const Record& record) const { return entries_[record.timer].at; }
  [[nodiscard]] Slot slot_at(std::size_t index) const { return entries_[index].slot; }

  void push(Slot slot, UnixMillis at) {
    entries_.push_back(Entry{at, (*pool_)[slot].order, slot});
    rise(entries_.size() - 1);
  }

  void remove(Record& record) {
    const std::size_t place = record.timer;
    record.timer = no_slot;
    const Entry last = entries_.back();
    entries_.pop_back();
    if (place == entries_.size()) return;
    entries_[place] = last;
    settle(place);
  }

  void move(Record& record, UnixMillis at) {
    entries_[record.timer].at = at;
    settle(record.timer);
  }

  /// Everything by the same amount: the order stays.
  void shift(Milliseconds by) {
    for (Entry& entry : entries_) entry.at += by.count();
  }

 private:
  struct Entry {
    UnixMillis at;
    std::uint64_t order;
    Slot slot;
  };

  static bool before(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at < b.at : a.order < b.order;
  }
  void put(std::size_t place, const Entry& entry) {
    entries_[place] = entry;
    (*pool_)[entry.slot].timer = static_cast<std::uint32_t>(place);
  }
  void settle(std::size_t place) {
    if (place > 0 && before(entries_[place], entries_[(place - 1) / 2])) {
      rise(place);
    } else {
      sink(place);
    }
  }
  void rise(std::size_t place) {
    const Entry entry = entries_[place];
    while (place > 0 && before(entry, entries_[(place - 1) / 2])) {
      put(place, entries_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    put(place, entry);
  }
  void sink(std::size_t place) {
    const Entry entry = entries_[place];
    while (true) {
      std::size_t child = place * 2 + 1;
      if (child >= entries_.size()) break;
      if (child + 1 < entries_.size() && before(entries_[child + 1], entries_[child])) ++child;
      if (!before(entries_[child], entry)) break;
      put(place, entries_[child]);
      place = child;
    }
    put(place, entry);
  }

  Pool* pool_;
  std::vector<Entry> entries_;
};

}  // namespace coterie::brokers::memory
