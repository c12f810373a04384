#include "coterie/io/signal.hpp"

#include <csignal>
#include <cstring>

#include <bit>
#include <optional>
#include <utility>

#include "src/io/signal_hub.hpp"

namespace coterie::io {

std::string signal_name(int signo) {
  const char* name = ::sigabbrev_np(signo);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signo);
}

class SignalSet::Shared {
 public:
  void add(int signo) {
    if (signo < 1 || signo > 64) detail::throw_errno(EINVAL, "signal " + std::to_string(signo));
    mask_ |= detail::signal_bit(signo);
  }
  void start() {
    watcher_.emplace(EventLoop::current(), mask_, detail::SignalWatcher::Role::normal,
                     [this](int signo) { arrived(signo); });
  }
  void arrived(int signo) noexcept {
    pending_ |= detail::signal_bit(signo);
    serve();
  }
  [[nodiscard]] int take() noexcept {
    if (pending_ == 0) return 0;
    const int signo = std::countr_zero(pending_) + 1;
    pending_ &= pending_ - 1;
    return signo;
  }
  void push(Awaiter& waiter) noexcept {
    waiter.prev_ = last_;
    waiter.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &waiter;
    last_ = &waiter;
    waiter.queued_ = true;
  }
  void remove(Awaiter& waiter) noexcept {
    (waiter.prev_ != nullptr ? waiter.prev_->next_ : first_) = waiter.next_;
    (waiter.next_ != nullptr ? waiter.next_->prev_ : last_) = waiter.prev_;
    waiter.queued_ = false;
  }

 private:
  void serve() noexcept {
    while (first_ != nullptr && pending_ != 0) {
      Awaiter& waiter = *first_;
      remove(waiter);
      waiter.signo_ = take();
      waiter.wake();
    }
  }
  detail::SignalMask mask_ = 0;
  detail::SignalMask pending_ = 0;
  Awaiter* first_ = nullptr;
  Awaiter* last_ = nullptr;
  std::optional<detail::SignalWatcher> watcher_;
};

SignalSet::SignalSet() : state_(std::make_unique<Shared>()) {}
SignalSet::SignalSet(SignalSet&&) noexcept = default;
SignalSet& SignalSet::operator=(SignalSet&&) noexcept = default;
SignalSet::~SignalSet() = default;

void SignalSet::add(int signo) {
  state_->add(signo);
}
void SignalSet::start() {
  state_->start();
}
SignalSet::Awaiter SignalSet::next() {
  return Awaiter(*state_);
}

SignalSet::Awaiter::Awaiter(Shared& state) : Leaf(WaitKind::signal, &state), state_(&state) {}

SignalSet::Awaiter::Awaiter(SignalSet set)
    : Leaf(WaitKind::signal),
      owned_(std::make_unique<SignalSet>(std::move(set))),
      state_(owned_->state_.get()) {
  set_wait_object(state_);
}

SignalSet::Awaiter::~Awaiter() {
  detach();
}

bool SignalSet::Awaiter::await_ready() noexcept {
  signo_ = state_->take();
  return signo_ != 0;
}

void SignalSet::Awaiter::attach() noexcept {
  state_->push(*this);
}

void SignalSet::Awaiter::detach() noexcept {
  if (queued_) state_->remove(*this);
}

int SignalSet::Awaiter::await_resume() {
  deliver();
  return signo_;
}

Leaf::CancelReply SignalSet::Awaiter::cancel(const CancelMessage&) {
  detach();
  return CancelReply::detached;
}

void SignalSet::Awaiter::undo() noexcept {
  state_->arrived(std::exchange(signo_, 0));
}

}  // namespace coterie::io
