#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "coterie/sync/ring_buffer.hpp"

namespace coterie {

/// In which order a Queue gives its items: the first that was put, first.
template <class T>
class FifoItems {
 public:
  void push(T item) { items_.push_back(std::move(item)); }
  T pop() { return items_.pop_front(); }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

 private:
  detail::RingBuffer<T> items_;
};

/// The last that was put, first.
template <class T>
class LifoItems {
 public:
  void push(T item) { items_.push_back(std::move(item)); }
  T pop() {
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

 private:
  std::vector<T> items_;
};

/// The smallest by `Less`, first; of equal ones the first that was put.
template <class T, class Less>
class PriorityItems {
 public:
  void push(T item) {
    heap_.emplace_back(std::move(item), ++pushed_);
    std::push_heap(heap_.begin(), heap_.end(), later_);
  }
  T pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later_);
    T item = std::move(heap_.back().item);
    heap_.pop_back();
    return item;
  }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

 private:
  struct Entry {
    Entry(T value, std::uint64_t order) : item(std::move(value)), number(order) {}
    T item;
    std::uint64_t number;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      if (less(b.item, a.item)) return true;
      return !less(a.item, b.item) && b.number < a.number;
    }
    [[no_unique_address]] Less less;
  };
  std::vector<Entry> heap_;
  std::uint64_t pushed_ = 0;
  [[no_unique_address]] Later later_;
};

}  // namespace coterie
