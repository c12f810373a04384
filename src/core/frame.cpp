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

// The heap keeps 8 bytes before each block, in steps of 16: classes of 8, 24, 40… bytes leave no gap.
constexpr std::size_t step = 16;
constexpr std::size_t classes = 128;
constexpr std::size_t class_of(std::size_t bytes) noexcept {
  return (bytes + step / 2 - 1) / step;
}
constexpr std::size_t bytes_of(std::size_t index) noexcept {
  return index * step + step / 2;
}
static_assert(bytes_of(class_of(168)) == 168 && bytes_of(class_of(169)) == 184 && bytes_of(class_of(1)) == 8);
constexpr std::size_t bytes_kept = std::size_t{1} << 20;

struct Block {
  Block* next;
};

struct List {
  Block* head;
  std::size_t room;  // for so many more
};

// Trivial, so that touching it takes no guard: until the first block comes back there is no room at all.
thread_local constinit std::array<List, classes> lists{};
thread_local constinit bool opened = false;

bool sanitized() noexcept {
  static const bool found = __asan_init != nullptr || __tsan_init != nullptr || __msan_init != nullptr;
  return found;
}

/// Frees what is kept when the thread ends. Frames that outlive this go straight to the heap.
struct Emptied {
  Emptied() = default;
  Emptied(const Emptied&) = delete;
  Emptied& operator=(const Emptied&) = delete;
  ~Emptied() {
    for (List& list : lists) {
      list.room = 0;
      while (Block* block = list.head) {
        list.head = block->next;
        ::operator delete(block);
      }
    }
  }
  void with_the_thread() noexcept {}
};
thread_local Emptied emptied;

/// Makes room, once in a thread.
[[gnu::noinline]] void open_lists() noexcept {
  opened = true;
  if (sanitized()) return;
  emptied.with_the_thread();
  for (std::size_t index = 0; index < classes; ++index) lists[index].room = bytes_kept / bytes_of(index);
}

/// Out of line, so that the common way saves no registers.
[[gnu::noinline]] void free_without_room(void* memory, std::size_t bytes) noexcept {
  if (opened) return ::operator delete(memory);
  open_lists();
  if (sanitized()) return ::operator delete(memory);
  free_frame(memory, bytes);
}

}  // namespace

void* allocate_frame(std::size_t bytes) {
  const std::size_t index = class_of(bytes);
  if (index >= classes) return ::operator new(bytes);
  List& list = lists[index];
  if (Block* block = list.head) {
    list.head = block->next;
    ++list.room;
    return block;
  }
  return ::operator new(bytes_of(index));
}

void free_frame(void* memory, std::size_t bytes) noexcept {
  const std::size_t index = class_of(bytes);
  if (index >= classes) return ::operator delete(memory);
  List& list = lists[index];
  if (list.room == 0) [[unlikely]]
    return free_without_room(memory, bytes);
  auto* block = static_cast<Block*>(memory);
  block->next = list.head;
  list.head = block;
  --list.room;
}

}  // namespace coterie
