#pragma once
#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <new>
#include <source_location>

namespace coterie {

class TaskRec;
namespace detail {
struct DebugLayout;
#ifdef COTERIE_WITHOUT_STACKS  // bench/stacks-cost alone builds such a library, to compare
inline constexpr bool keeps_stacks = false;
#else
inline constexpr bool keeps_stacks = true;
#endif
}  // namespace detail

/// What kind of coroutine a frame is. A wrapper keeps a callable and its arguments alive for the coroutine
/// that it awaits; stacks leave it out.
enum class FrameKind : std::uint8_t { coroutine = 0, generator = 1, wrapper = 2 };

/// The first 24 bytes of every coroutine's promise: who waits for this coroutine, at which line this
/// coroutine waits, and which child it awaits there. Together they are the async stack, always on, in release
/// builds too.
///
///     TaskRec ◀─┐ (tagged)   child()       child()
///               └─ Frame of the root ◀──▶ Frame of its child ◀──▶ … ◀──▶ the innermost Frame
///                    at main.cpp:12          at fetch.cpp:30                at io.cpp:7
///
/// The way in leads through the awaiter that owns the child, in this coroutine's frame: so a suspended chain
/// can be destroyed from its innermost frame outwards, in a loop, and each owner learns that its child has
/// gone.
///
/// The layout is read by debuggers and other processes; it does not change between builds.
class Frame {
 public:
  explicit Frame(std::source_location where, FrameKind kind = FrameKind::coroutine) noexcept
      : caller_(kind_bits(kind)), awaiting_(where) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  /// The coroutine that awaits this one; null for a task's root and before the first await.
  [[nodiscard]] Frame* caller() const noexcept {
    return is_root() ? nullptr : reinterpret_cast<Frame*>(caller_ & ~tags);
  }
  /// The task whose body this is; null for any other coroutine.
  [[nodiscard]] TaskRec* root_of() const noexcept {
    return is_root() ? reinterpret_cast<TaskRec*>(caller_ & ~tags) : nullptr;
  }
  /// The newest `co_await` in this coroutine: file, line and (unnormalised) function; before the first, the
  /// function itself.
  [[nodiscard]] std::source_location awaiting() const noexcept { return awaiting_; }
  /// The coroutine that this one awaits; null when this one runs itself or waits for something else.
  [[nodiscard]] Frame* child() const noexcept { return child_slot_ != 0 ? *slot() : nullptr; }
  /// Runs inside its caller's `await_suspend`, which is still on the native stack.
  [[nodiscard]] bool nested() const noexcept {
    return !is_root() && (caller()->child_slot_ & running_tag) != 0;
  }
  /// A cancel that comes out of the await at which this coroutine is suspended destroys its frame, which is
  /// never resumed.
  [[nodiscard]] bool dies_of_cancel() const noexcept { return (caller_ & dies_tag) != 0; }
  [[nodiscard]] FrameKind kind() const noexcept {
    return static_cast<FrameKind>((caller_ & kind_mask) >> kind_shift);
  }

  void set_kind(FrameKind kind) noexcept { caller_ = (caller_ & ~kind_mask) | kind_bits(kind); }

  void set_root_of(TaskRec& task) noexcept {
    caller_ = reinterpret_cast<std::uintptr_t>(&task) | (caller_ & lasting_tags) | root_tag;
  }
  void set_awaiting(std::source_location where) noexcept {
    if constexpr (detail::keeps_stacks) awaiting_ = where;
  }
  // The analyzer does not see a coroutine's promise being constructed.
  // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
  void set_dies_of_cancel(bool dies) noexcept { caller_ = dies ? caller_ | dies_tag : caller_ & ~dies_tag; }

  /// In this coroutine's `await_suspend`: resumes `child`, nested. False when it has ended. The child is kept
  /// in `child`, which belongs to the awaiter; it becomes null when the child is destroyed while suspended.
  bool run_child(Frame*& child) {
    Frame& callee = *child;
    callee.caller_ = reinterpret_cast<std::uintptr_t>(this) | (callee.caller_ & lasting_tags);
    child_slot_ = reinterpret_cast<std::uintptr_t>(&child) | running_tag;
    callee.handle().resume();
    child_slot_ &= ~running_tag;
    if (!callee.handle().done()) return true;
    child_slot_ = 0;
    return false;
  }
  /// The child that this coroutine was suspended in is over: this one goes on.
  void child_ended() noexcept { child_slot_ = 0; }
  /// Destroys this frame, the innermost of a suspended chain, none of which is on a native stack. Gives the
  /// next one, whose awaiter then owns nothing.
  Frame* destroy() noexcept {
    Frame* next = caller();
    if (next != nullptr) *next->slot() = nullptr;
    handle().destroy();
    if (next != nullptr) next->child_ended();
    return next;
  }

  /// Valid because a promise is never over-aligned: it always stands right behind the frame's two pointers.
  [[nodiscard]] std::coroutine_handle<> handle() noexcept {
    return std::coroutine_handle<Frame>::from_promise(*this);
  }

 private:
  friend struct detail::DebugLayout;
  static constexpr std::uintptr_t root_tag = 1;
  static constexpr std::uintptr_t dies_tag = 2;
  static constexpr std::uintptr_t kind_mask = 12;
  static constexpr unsigned kind_shift = 2;
  static constexpr std::uintptr_t lasting_tags = dies_tag | kind_mask;
  static constexpr std::uintptr_t tags = root_tag | lasting_tags;
  static constexpr std::uintptr_t running_tag = 1;  // of child_slot_
  static std::uintptr_t kind_bits(FrameKind kind) noexcept {
    return static_cast<std::uintptr_t>(kind) << kind_shift;
  }
  [[nodiscard]] bool is_root() const noexcept { return (caller_ & root_tag) != 0; }
  [[nodiscard]] Frame** slot() const noexcept {
    return reinterpret_cast<Frame**>(child_slot_ & ~running_tag);
  }

  // Frames and records come from allocate_frame(), and a promise stands sixteen bytes into its frame: four
  // bits of their addresses are free.
  std::uintptr_t caller_;
  std::source_location awaiting_;
  std::uintptr_t child_slot_ = 0;
};
static_assert(sizeof(Frame) == 24);
static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= 16);

namespace detail {

// The heap keeps 8 bytes before each block, in steps of 16: classes of 8, 24, 40… bytes leave no gap.
inline constexpr std::size_t block_step = 16;
inline constexpr std::size_t block_classes = 128;
constexpr std::size_t block_class(std::size_t bytes) noexcept {
  return (bytes + block_step / 2 - 1) / block_step;
}

/// A block that nobody uses.
struct FreeBlock {
  FreeBlock* next;
};
/// What a thread keeps of a class. Trivial, so that touching it takes no guard: until the first block comes
/// back there is no room at all.
struct FreeList {
  FreeBlock* head;
  std::uint32_t room;   // for so many more
  std::uint32_t parts;  // granted: kept blocks and room together
};
extern constinit thread_local std::array<FreeList, block_classes> free_lists;

[[nodiscard]] void* allocate_new_block(std::size_t bytes);
void free_block(void* block, std::size_t its_class) noexcept;

}  // namespace detail

/// Memory for coroutine frames and task records: a free list per thread in classes of 16 bytes up to 2 KiB,
/// at most 16 MiB kept by a thread; what is larger goes to `operator new`. Under a sanitizer everything does,
/// so that a use after free shows. Blocks may be freed on another thread than they came from. Inline, for who
/// makes a frame knows its size, and so its class.
[[nodiscard]] inline void* allocate_frame(std::size_t bytes) {
  const std::size_t index = detail::block_class(bytes);
  if (index >= detail::block_classes) return detail::allocate_new_block(bytes);
  detail::FreeList& list = detail::free_lists[index];
  detail::FreeBlock* const block = list.head;
  if (block == nullptr) return detail::allocate_new_block(bytes);
  list.head = block->next;
  ++list.room;
  return block;
}
/// Only the class is found here: the rest would stand in the functions through which exceptions unwind, and
/// make a cancel by exception through ten frames 7 % dearer.
inline void free_frame(void* block, std::size_t bytes) noexcept {
  detail::free_block(block, detail::block_class(bytes));
}

}  // namespace coterie
