#include "coterie/core/frame.hpp"

#include <array>
#include <new>

// Present only in a program that was built with the sanitizer: this library need not be.
extern "C" {
__attribute__((weak)) void __asan_init();
__attribute__((weak)) void __tsan_init();
__attribute__((weak)) void __msan_init();
}

namespace coterie {
namespace {

constexpr std::size_t step = 64;
constexpr std::size_t classes = 32;
constexpr std::size_t bytes_kept = std::size_t{1} << 20;

struct Block {
  Block* next;
};

struct List {
  Block* head = nullptr;
  std::size_t free = 0;
};

bool sanitized() noexcept {
  static const bool found = __asan_init != nullptr || __tsan_init != nullptr || __msan_init != nullptr;
  return found;
}

struct Cache {
  std::array<List, classes> lists;
  bool enabled = !sanitized();

  Cache() = default;
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  ~Cache() {
    enabled = false;  // frames that outlive the thread's cache go straight to the heap
    for (auto& list : lists)
      while (list.head != nullptr) {
        Block* block = list.head;
        list.head = block->next;
        ::operator delete(block);
      }
  }
};

thread_local Cache cache;

}  // namespace

void* allocate_frame(std::size_t bytes) {
  const std::size_t index = (bytes - 1) / step;
  if (index >= classes) return ::operator new(bytes);
  Cache& mine = cache;
  List& list = mine.lists[index];
  if (Block* block = list.head) {
    list.head = block->next;
    --list.free;
    return block;
  }
  return ::operator new((index + 1) * step);
}

void free_frame(void* memory, std::size_t bytes) noexcept {
  const std::size_t index = (bytes - 1) / step;
  if (index < classes) {
    Cache& mine = cache;
    List& list = mine.lists[index];
    if (mine.enabled && list.free < bytes_kept / ((index + 1) * step)) {
      auto* block = static_cast<Block*>(memory);
      block->next = list.head;
      list.head = block;
      ++list.free;
      return;
    }
  }
  ::operator delete(memory);
}

}  // namespace coterie
