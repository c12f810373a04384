#pragma once
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>

namespace coterie {

class TaskRec;

/// The first 16 bytes of every coroutine's promise: who waits for this coroutine, and at which line this
/// coroutine waits. Together they are the async stack, always on, in release builds too.
///
///     TaskRec ◀─┐ (tagged)
///               └─ Frame of the root ◀── Frame of its child ◀── … ◀── the innermost Frame
///                    at main.cpp:12         at fetch.cpp:30               at io.cpp:7
///
/// The layout is read by debuggers and other processes; it does not change between builds.
class Frame {
 public:
  explicit Frame(std::source_location where) noexcept : awaiting_(where) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  /// The coroutine that awaits this one; null for a task's root and before the first await.
  [[nodiscard]] Frame* caller() const noexcept {
    return is_root() ? nullptr : reinterpret_cast<Frame*>(caller_);
  }
  /// The task whose body this is; null for any other coroutine.
  [[nodiscard]] TaskRec* root_of() const noexcept {
    return is_root() ? reinterpret_cast<TaskRec*>(caller_ & ~root_tag) : nullptr;
  }
  /// The newest `co_await` in this coroutine: file, line and (unnormalised) function; before the first, the
  /// function itself.
  [[nodiscard]] std::source_location awaiting() const noexcept { return awaiting_; }

  void set_caller(Frame& frame) noexcept { caller_ = reinterpret_cast<std::uintptr_t>(&frame); }
  void set_root_of(TaskRec& task) noexcept { caller_ = reinterpret_cast<std::uintptr_t>(&task) | root_tag; }
  void set_awaiting(std::source_location where) noexcept { awaiting_ = where; }

  /// Valid because a promise is never over-aligned: it always stands right behind the frame's two pointers.
  [[nodiscard]] std::coroutine_handle<> handle() noexcept {
    return std::coroutine_handle<Frame>::from_promise(*this);
  }

 private:
  static constexpr std::uintptr_t root_tag = 1;
  [[nodiscard]] bool is_root() const noexcept { return (caller_ & root_tag) != 0; }

  std::uintptr_t caller_ = 0;
  std::source_location awaiting_;
};
static_assert(sizeof(Frame) == 16);

/// Memory for coroutine frames and task records: a free list per thread in classes of 64 bytes up to 2 KiB,
/// at most 1 MiB kept per class; what is larger goes to `operator new`. Under a sanitizer everything does, so
/// that a use after free shows. Blocks may be freed on another thread than they came from.
[[nodiscard]] void* allocate_frame(std::size_t bytes);
void free_frame(void* block, std::size_t bytes) noexcept;

}  // namespace coterie
