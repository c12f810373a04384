#pragma once
#include <cstddef>
#include <memory>
#include <utility>

namespace coterie::detail {

/// Items that come out in the order in which they went in, in one block of memory, used as a ring. It doubles
/// when it is full, and a large one is given back when the last item leaves.
template <class T>
class RingBuffer {
 public:
  /// A block of at most so many bytes is kept while empty.
  static constexpr std::size_t kept_bytes = 64 * 1024;

  RingBuffer() noexcept = default;
  RingBuffer(const RingBuffer&) = delete;
  RingBuffer& operator=(const RingBuffer&) = delete;
  ~RingBuffer() {
    for (std::size_t i = 0; i < size_; ++i) std::destroy_at(slot(i));
    release();
  }

  void push_back(T&& item) {
    if (size_ == capacity_) [[unlikely]]
      grow();
    std::construct_at(slot(size_), std::move(item));
    ++size_;
  }
  /// Precondition: not empty.
  T pop_front() {
    T* first = slot(0);
    T item = std::move(*first);
    std::destroy_at(first);
    first_ = (first_ + 1) & (capacity_ - 1);
    if (--size_ == 0 && capacity_ * sizeof(T) > kept_bytes) [[unlikely]]
      release();
    return item;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  static constexpr std::size_t least = 16;  // a power of two, as all that follow
  [[nodiscard]] T* slot(std::size_t index) const noexcept {
    return slots_ + ((first_ + index) & (capacity_ - 1));
  }
  /// An item whose move may throw is copied, if it can be, so that an exception loses none.
  [[gnu::noinline]] void grow() {
    RingBuffer larger;
    larger.capacity_ = capacity_ == 0 ? least : 2 * capacity_;
    larger.slots_ = std::allocator<T>().allocate(larger.capacity_);
    for (; larger.size_ < size_; ++larger.size_)
      std::construct_at(larger.slots_ + larger.size_, std::move_if_noexcept(*slot(larger.size_)));
    std::swap(slots_, larger.slots_);
    std::swap(capacity_, larger.capacity_);
    std::swap(first_, larger.first_);
  }
  void release() noexcept {
    if (slots_ != nullptr) std::allocator<T>().deallocate(slots_, capacity_);
    slots_ = nullptr;
    capacity_ = first_ = 0;
  }

  T* slots_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace coterie::detail
