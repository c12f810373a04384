#include "src/debug/alternate_stack.hpp"

#include <sys/mman.h>
#include <csignal>

#include <cstddef>

namespace coterie::debug {
namespace {

constexpr std::size_t size = std::size_t{64} << 10;

/// Of the thread that makes it, which destroys it at its end.
class AlternateStack {
 public:
  AlternateStack() noexcept {
    stack_t stack{};
    if (::sigaltstack(nullptr, &stack) != 0 || (stack.ss_flags & SS_DISABLE) == 0) return;
    bytes_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (bytes_ == MAP_FAILED) return;
    stack = {};
    stack.ss_sp = bytes_;
    stack.ss_size = size;
    ::sigaltstack(&stack, nullptr);
  }
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;
  ~AlternateStack() {
    if (bytes_ == MAP_FAILED) return;
    stack_t stack{};
    if (::sigaltstack(nullptr, &stack) == 0 && stack.ss_sp == bytes_) {
      stack.ss_flags = SS_DISABLE;
      ::sigaltstack(&stack, nullptr);
    }
    ::munmap(bytes_, size);
  }

 private:
  void* bytes_ = MAP_FAILED;
};

}  // namespace

void use_alternate_stack() noexcept {
  thread_local const AlternateStack stack;
}

}  // namespace coterie::debug
