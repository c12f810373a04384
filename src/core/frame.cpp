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

using detail::block_class;
using detail::block_classes;
using detail::block_step;
using detail::free_lists;
using detail::FreeBlock;
using detail::FreeList;

constexpr std::size_t bytes_of(std::size_t index) noexcept {
  return index * block_step + block_step / 2;
}
static_assert(bytes_of(block_class(168)) == 168 && bytes_of(block_class(169)) == 184 &&
              bytes_of(block_class(1)) == 8);
// A thread keeps at most `most_kept`, the heap's own bytes counted, of which its classes are granted parts.
constexpr std::size_t most_kept = std::size_t{16} << 20;
constexpr std::size_t part_bytes = std::size_t{64} << 10;
constexpr std::size_t blocks_in_part(std::size_t index) noexcept {
  return part_bytes / ((index + 1) * block_step);
}

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
    for (FreeList& list : free_lists) {
      list.room = list.parts = 0;
      while (FreeBlock* block = list.head) {
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
  FreeList& list = free_lists[index];
  --list.parts;
  const auto blocks = static_cast<std::uint32_t>(blocks_in_part(index));
  const std::uint32_t unused = std::min(list.room, blocks);
  list.room -= unused;
  for (std::uint32_t i = unused; i < blocks; ++i) {
    FreeBlock* block = list.head;
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
    last_asked = (last_asked + 1) % block_classes;
    if (free_lists[last_asked].parts <= free_lists[index].parts + 1) return false;
    give_part_back(last_asked);
  }
  FreeList& list = free_lists[index];
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
[[gnu::noinline]] void free_without_room(void* block, std::size_t its_class) noexcept {
  if (!opened) open_lists();
  if (!grant_part(its_class)) return ::operator delete(block);
  detail::free_block(block, its_class);
}

}  // namespace

constinit thread_local std::array<FreeList, block_classes> detail::free_lists{};

void* detail::allocate_new_block(std::size_t bytes) {
  const std::size_t index = block_class(bytes);
  return ::operator new(index < block_classes ? bytes_of(index) : bytes);
}

void detail::free_block(void* block, std::size_t its_class) noexcept {
  if (its_class >= block_classes) [[unlikely]]
    return ::operator delete(block);
  FreeList& list = free_lists[its_class];
  if (list.room == 0) [[unlikely]]
    return free_without_room(block, its_class);
  list.head = ::new (block) FreeBlock{list.head};
  --list.room;
}

}  // namespace coterie
