#include "coterie/testing/virtual_loop.hpp"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace coterie::testing {

class VirtualLoop::VirtualPoller final : public Poller {
 public:
  TimePoint now() noexcept override { return now_; }

  void poll(std::optional<TimePoint> deadline) override {
    if (deadline) {
      now_ = std::max(now_, *deadline);
      const std::lock_guard lock(mutex_);
      woken_ = false;
      return;
    }
    // Only another thread can help now. A thread that was handed work holds the inbox and answers in real
    // time; without one this test would hang, and that is what it says.
    std::unique_lock lock(mutex_);
    const bool hopeless = inbox_.use_count() <= 1;
    if (!wake_up_.wait_for(lock, hopeless ? std::chrono::seconds(0) : patience, [&] { return woken_; }))
      throw Deadlock("deadlock: every task waits, no timer is armed, and no other thread has answered");
    woken_ = false;
  }

  void wake() noexcept override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_up_.notify_one();
  }

  void advance(Duration time) noexcept { now_ += time; }
  void watch(const std::shared_ptr<Inbox>& inbox) noexcept { inbox_ = inbox; }

 private:
  static constexpr std::chrono::seconds patience{10};
  TimePoint now_{};
  std::mutex mutex_;
  std::condition_variable wake_up_;
  bool woken_ = false;
  std::weak_ptr<Inbox> inbox_;
};

namespace {
LoopOptions every_tick() {
  LoopOptions options;
  options.ticks_per_poll = 1;
  return options;
}
}  // namespace

VirtualLoop::VirtualLoop() {
  auto poller = std::make_unique<VirtualPoller>();
  poller_ = poller.get();
  loop_ = std::make_unique<EventLoop>(std::move(poller), nullptr, every_tick());
  poller_->watch(loop_->inbox());
}

VirtualLoop::~VirtualLoop() {
  if (EventLoop::current_or_null() == nullptr) (void)loop_->cancel_all_and_run(std::chrono::hours(1));
}

double VirtualLoop::seconds() const noexcept {
  return std::chrono::duration<double>(loop_->now().time_since_epoch()).count();
}

void VirtualLoop::block_for(Duration time) noexcept {
  poller_->advance(time);
}

}  // namespace coterie::testing
