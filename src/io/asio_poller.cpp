#include "src/io/asio_poller.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace coterie {
namespace {

int new_eventfd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0)
    throw std::system_error(errno, std::generic_category(),
                            "cannot make the eventfd that wakes an event loop");
  return fd;
}

}  // namespace

AsioPoller::AsioPoller() : work_(context_.get_executor()), timer_(context_), bell_(context_, new_eventfd()) {}

AsioPoller::~AsioPoller() {
  while (dependents_ != nullptr) {
    Dependent& last = *dependents_;
    last.unlink();
    last.poller_ = nullptr;
    last.abandon();
  }
}

void AsioPoller::poll(std::optional<TimePoint> deadline) {
  if (context_.stopped()) context_.restart();  // from foreign code
  if (!to_cancel_.empty()) [[unlikely]] {
    cancel_operations();
    return;  // without waiting: what has ended by it has made tasks ready
  }
  if (deadline && (*deadline == TimePoint::min() || *deadline <= now())) {
    (void)become(State::awake);
    context_.poll();
    return;
  }
  if (is_called_soon(deadline) || become(State::asleep)) {
    context_.poll();
  } else {
    sleeps_.fetch_add(1, std::memory_order_relaxed);
    wait(deadline);
  }
  (void)become(State::awake);
}

/// Whether it was called meanwhile. An exchange, not a store: what was posted before a wake() that it sees is
/// there when the loop takes messages in.
bool AsioPoller::become(State next) noexcept {
  const bool called = state_.exchange(next, std::memory_order_acq_rel) == State::called;
  if (called) expects_more_ = true;
  return called;
}

TimePoint AsioPoller::coarse_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return TimePoint(std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec));
}

/// Where nothing comes while it looks, the time is lost: most of all to who sends, where that shares the core
/// and waits for it. Which core that is changes while both run, so what it has found tells, not the system.
bool AsioPoller::is_called_soon(std::optional<TimePoint> deadline) noexcept {
  constexpr unsigned most_rests = 63;
  if (!std::exchange(expects_more_, false) || linger_ <= Duration::zero()) return false;
  if (sleeps_at_once_ > 0) {
    --sleeps_at_once_;
    return false;
  }
  lingers_.fetch_add(1, std::memory_order_relaxed);
  TimePoint until = now() + linger_;
  if (deadline) until = std::min(until, *deadline);
  do {
    if (state_.load(std::memory_order_relaxed) == State::called) {
      rests_next_ = 0;
      return true;
    }
  } while (now() < until);
  sleeps_at_once_ = rests_next_;
  rests_next_ = std::min(2 * rests_next_ + 1, most_rests);
  return false;
}

void AsioPoller::wait(std::optional<TimePoint> deadline) {
  for (;;) {
    own_handlers_ = 0;
    std::size_t ran = 0;
    if (!deadline)
      ran = context_.run_one();
    else if (*deadline - now() > near)
      ran = context_.run_one_until(*deadline);
    else
      ran = wait_near(*deadline);
    if (state_.load(std::memory_order_relaxed) == State::called) return;
    ran += context_.poll();  // run_one() leaves the others that are ready behind
    if (ran > own_handlers_ || context_.stopped() || (deadline && *deadline <= now())) return;
  }
}

void AsioPoller::cancel_operations() {
  context_.poll();
  if (context_.stopped()) context_.restart();
  while (detail::AsioLeaf::CancelRequest* request = to_cancel_.first()) request->leaf.emit_cancel();
  context_.poll();
}

std::size_t AsioPoller::wait_near(TimePoint deadline) {
  if (timer_at_ != deadline) {
    timer_.expires_at(deadline);
    timer_at_ = deadline;
    timer_.async_wait([this, deadline](const boost::system::error_code& error) {
      ++own_handlers_;
      if (!error && timer_at_ == deadline) timer_at_.reset();
    });
  }
  return context_.run_one();
}

void AsioPoller::wake() noexcept {
  if (state_.exchange(State::called, std::memory_order_acq_rel) != State::asleep) return;
  const std::uint64_t one = 1;
  (void)!::write(bell_.native_handle(), &one, sizeof one);  // 2^64 - 1 of them would be too many
}

AsioPoller::Dependent::Dependent(AsioPoller& poller) noexcept : poller_(&poller), next_(poller.dependents_) {
  if (next_ != nullptr) next_->prev_ = this;
  poller.dependents_ = this;
}

AsioPoller::Dependent::~Dependent() {
  if (poller_ != nullptr) unlink();
}

void AsioPoller::Dependent::unlink() noexcept {
  (prev_ != nullptr ? prev_->next_ : poller_->dependents_) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
  next_ = prev_ = nullptr;
}

AsioPoller& asio_poller(EventLoop& loop) {
  if (auto* poller = dynamic_cast<AsioPoller*>(&loop.poller())) return *poller;
  throw std::logic_error(
      "this loop does no I/O (a virtual-time loop waits for nothing real): descriptors, signals and "
      "processes need "
      "the default loop of coterie::run()");
}

AsioPoller& current_asio_poller() {
  return asio_poller(EventLoop::current());
}

}  // namespace coterie
