#include "coterie/core/frame.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
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
// A thread keeps at most `most_kept`, the heap's own bytes counted, of which its classes are granted parts.
constexpr std::size_t most_kept = std::size_t{16} << 20;
constexpr std::size_t part_bytes = std::size_t{64} << 10;
constexpr std::size_t blocks_in_part(std::size_t index) noexcept {
  return part_bytes / ((index + 1) * step);
}

struct Block {
  Block* next;
};

struct List {
  Block* head;
  std::uint32_t room;   // for so many more
  std::uint32_t parts;  // granted: kept blocks and room together
};

// Trivial, so that touching it takes no guard: until the first block comes back there is no room at all.
thread_local constinit std::array<List, classes> lists{};
thread_local constinit std::size_t parts_left = 0;
thread_local constinit std::size_t last_asked = 0;  // the class that was last asked to give a part back
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
    parts_left = 0;
    for (List& list : lists) {
      list.room = list.parts = 0;
      while (Block* block = list.head) {
        list.head = block->next;
        ::operator delete(block);
      }
    }
  }
  void with_the_thread() noexcept {}
};
thread_local Emptied emptied;

/// What the class keeps beyond its other parts goes to the heap.
void give_part_back(std::size_t index) noexcept {
  List& list = lists[index];
  --list.parts;
  const auto blocks = static_cast<std::uint32_t>(blocks_in_part(index));
  const std::uint32_t unused = std::min(list.room, blocks);
  list.room -= unused;
  for (std::uint32_t i = unused; i < blocks; ++i) {
    Block* block = list.head;
    list.head = block->next;
    ::operator delete(block);
  }
}

/// Room for more blocks of the class: a part that nobody has, or one of a class that has more. Of those it
/// asks one at a time, the next in turn, so that looking costs a block no more than the heap does.
bool grant_part(std::size_t index) noexcept {
  if (parts_left > 0) {
    --parts_left;
  } else {
    last_asked = (last_asked + 1) % classes;
    if (lists[last_asked].parts <= lists[index].parts + 1) return false;
    give_part_back(last_asked);
  }
  List& list = lists[index];
  ++list.parts;
  list.room += static_cast<std::uint32_t>(blocks_in_part(index));
  return true;
}

/// Once in a thread.
void open_lists() noexcept {
  opened = true;
  if (sanitized()) return;
  emptied.with_the_thread();
  parts_left = most_kept / part_bytes;
}

/// Out of line, so that the common way saves no registers.
[[gnu::noinline]] void free_without_room(void* memory, std::size_t bytes) noexcept {
  if (!opened) open_lists();
  if (!grant_part(class_of(bytes))) return ::operator delete(memory);
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
