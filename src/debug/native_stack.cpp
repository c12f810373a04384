#include "src/debug/native_stack.hpp"

#include <execinfo.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

namespace coterie::debug {
namespace {

using namespace std::chrono_literals;

constexpr int most_frames = 64;
constexpr int above_the_step = 2;  // the handler, and what the system returns from it through

/// Whom the asker waits for: a thread's id, or one of these.
constexpr pid_t nobody = 0;
constexpr pid_t writing = -1;
constexpr pid_t written = -2;

/// What handler and asker share. Never freed: a handler may be late, after its asker has gone on to another
/// thread, and then it must not answer for that.
struct Shared {
  std::atomic<pid_t> asked{nobody};
  std::array<void*, most_frames> frames{};
  int count = 0;
};
constinit Shared shared;

int stack_signal() noexcept {
  return SIGRTMAX - 4;
}

void on_signal(int) {
  const int kept = errno;
  pid_t self = ::gettid();
  if (shared.asked.compare_exchange_strong(self, writing)) {
    shared.count = ::backtrace(shared.frames.data(), most_frames);
    shared.asked.store(written);
  }
  errno = kept;
}

/// False: somebody else has it.
bool install() noexcept {
  struct sigaction now{};
  if (::sigaction(stack_signal(), nullptr, &now) != 0) return false;
  if (now.sa_handler == &on_signal) return true;
  if (now.sa_handler != SIG_DFL) return false;
  struct sigaction ours{};
  ours.sa_handler = &on_signal;
  // Not SA_ONSTACK: a thread that blocks has room, and AddressSanitizer, which gives each thread another
  // stack, takes one that runs there for a sign that the frames of the first are gone.
  ours.sa_flags = SA_RESTART;
  return ::sigaction(stack_signal(), &ours, nullptr) == 0;
}

bool is_written_within(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (shared.asked.load() != written) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace

NativeStacks::NativeStacks(bool wanted) noexcept : wanted_(wanted) {
  if (!wanted) return;
  void* one = nullptr;
  ::backtrace(&one, 1);
  install();
}

std::vector<std::string> NativeStacks::of_thread(std::int64_t thread, std::string& why) const {
  why = "native stacks are off";
  if (!wanted_) return {};
  why = "no native stack: the signal " + std::to_string(stack_signal()) + " is used by something else";
  if (!install()) return {};
  why = "no native stack: its thread does not take signals";
  // One that gave up while the handler wrote; it may have come to an end since.
  pid_t late = written;
  shared.asked.compare_exchange_strong(late, nobody);
  pid_t free = nobody;
  const auto asked = static_cast<pid_t>(thread);
  if (!shared.asked.compare_exchange_strong(free, asked)) return {};
  if (::syscall(SYS_tgkill, ::getpid(), asked, stack_signal()) != 0 || !is_written_within(200ms)) {
    pid_t silent = asked;
    if (shared.asked.compare_exchange_strong(silent, nobody)) return {};
    if (!is_written_within(200ms)) return {};
  }
  why.clear();
  std::vector<std::string> lines;
  for (int i = above_the_step; i < shared.count; ++i)
    lines.push_back(describe_address(shared.frames[static_cast<std::size_t>(i)]));
  shared.asked.store(nobody);
  return lines;
}

}  // namespace coterie::debug
