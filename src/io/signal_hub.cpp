#include "src/io/signal_hub.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <bit>
#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <string_view>

namespace coterie::io::detail {

/// All that the signal handler touches.
struct SignalSlot {
  std::atomic<SignalMask> mask{0};
  std::atomic<SignalMask> pending{0};
  std::atomic<unsigned> count{0};
  std::atomic<unsigned> answered{0};  // of count, when the loop last looked
  std::atomic<bool> last_resort{false};
  std::atomic<int> event_fd{-1};
  std::atomic<pid_t> owner{0};  // a forked child must not write to its parent's eventfd
  bool taken = false;           // under the hub's mutex
};

namespace {

constexpr int signals = 64;
constinit std::array<SignalSlot, 64> slots;

struct Hub {
  std::mutex mutex;
  std::array<unsigned, signals + 1> users{};
  std::array<struct sigaction, signals + 1> before{};
};
Hub& hub() {
  static Hub instance;
  return instance;
}

[[noreturn]] void end_from_handler(int signo) {
  constexpr std::string_view text =
      "coterie: the third signal, and the loop does not answer: ending at once\n";
  (void)!::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(128 + signo);
}

bool tell(SignalSlot& slot, int signo, pid_t self) {
  if ((slot.mask.load(std::memory_order_acquire) & signal_bit(signo)) == 0) return false;
  if (slot.owner.load(std::memory_order_relaxed) != self) return false;
  slot.pending.fetch_or(signal_bit(signo), std::memory_order_release);
  const unsigned count = slot.count.fetch_add(1) + 1;
  if (slot.last_resort.load(std::memory_order_relaxed) && count >= 3 && count >= slot.answered.load() + 2)
    end_from_handler(signo);
  const std::uint64_t one = 1;
  (void)!::write(slot.event_fd.load(std::memory_order_relaxed), &one, sizeof one);
  return true;
}

// Async-signal-safe: lock-free atomics, getpid, write, _exit.
void on_signal(int signo) {
  const int saved = errno;
  const pid_t self = ::getpid();
  bool told = false;
  for (SignalSlot& slot : slots)
    if (!slot.last_resort.load(std::memory_order_relaxed)) told = tell(slot, signo, self) || told;
  if (!told)
    for (SignalSlot& slot : slots)
      if (slot.last_resort.load(std::memory_order_relaxed)) (void)tell(slot, signo, self);
  errno = saved;
}

SignalSlot& take_slot(SignalWatcher::Role role) {
  for (SignalSlot& slot : slots) {
    if (slot.taken) continue;
    if (slot.owner.load() != ::getpid()) {
      const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (fd < 0) throw_errno(errno, "cannot make an eventfd");
      slot.event_fd.store(
          fd);  // a parent's eventfd, if any, stays open in this child: the handler may be using it
      slot.owner.store(::getpid());
    }
    slot.pending.store(0);
    slot.count.store(0);
    slot.answered.store(0);
    slot.last_resort.store(role == SignalWatcher::Role::last_resort);
    slot.taken = true;
    return slot;
  }
  throw std::length_error("more than 64 signal watchers at a time");
}

void install(Hub& here, int signo) {
  if (here.users.at(signo)++ > 0) return;
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  if (::sigaction(signo, &action, &here.before.at(signo)) != 0) {
    --here.users.at(signo);
    throw_errno(errno, "cannot handle signal " + std::to_string(signo));
  }
}

void restore(Hub& here, int signo) noexcept {
  if (--here.users.at(signo) > 0) return;
  struct sigaction current{};
  // Only what is still ours: somebody may have put a handler of their own in its place.
  if (::sigaction(signo, nullptr, &current) == 0 && current.sa_handler == on_signal)
    (void)::sigaction(signo, &here.before.at(signo), nullptr);
}

bool has_default_disposition(int signo) {
  struct sigaction current{};
  return ::sigaction(signo, nullptr, &current) == 0 && (current.sa_flags & SA_SIGINFO) == 0 &&
         current.sa_handler == SIG_DFL;
}

int lowest(SignalMask mask) {
  return std::countr_zero(mask) + 1;
}

}  // namespace

SignalWatcher::SignalWatcher(EventLoop& loop, SignalMask mask, Role role, Callback callback)
    : slot_(nullptr), mask_(0), callback_(std::move(callback)) {
  AsioPoller& poller = asio_poller(loop);
  Hub& here = hub();
  const std::lock_guard lock(here.mutex);
  if (role == Role::last_resort)
    for (SignalMask left = mask; left != 0; left &= left - 1)
      if (!has_default_disposition(lowest(left))) mask &= ~signal_bit(lowest(left));
  slot_ = &take_slot(role);
  SignalMask installed = 0;
  try {
    const int watched = ::fcntl(slot_->event_fd.load(), F_DUPFD_CLOEXEC, 3);
    if (watched < 0) throw_errno(errno, "cannot duplicate an eventfd");
    event_ = DescriptorState::watch(poller, watched);
    event_->attach(*this, Direction::read);
    slot_->mask.store(mask, std::memory_order_release);
    for (SignalMask left = mask; left != 0; left &= left - 1) {
      install(here, lowest(left));
      installed |= left & -left;
    }
  } catch (...) {
    slot_->mask.store(0);
    for (; installed != 0; installed &= installed - 1) restore(here, lowest(installed));
    slot_->taken = false;
    throw;
  }
  mask_ = mask;
}

SignalWatcher::~SignalWatcher() {
  detach();
  Hub& here = hub();
  const std::lock_guard lock(here.mutex);
  for (SignalMask left = mask_; left != 0; left &= left - 1) restore(here, lowest(left));
  slot_->mask.store(0);
  slot_->taken = false;
}

void SignalWatcher::on_ready(std::error_code error) noexcept {
  if (error) return;  // the loop closes
  std::uint64_t ignored = 0;
  (void)!::read(event_->fd(), &ignored, sizeof ignored);
  slot_->answered.store(slot_->count.load());
  try {
    event_->attach(*this, Direction::read);
    for (SignalMask left = slot_->pending.exchange(0, std::memory_order_acquire); left != 0; left &= left - 1)
      callback_(lowest(left));
  } catch (...) {
    EventLoop::current().report(
        ErrorContext("Exception while a signal was handled", std::current_exception()));
  }
}

}  // namespace coterie::io::detail
