#include "coterie/testing/virtual_loop.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "coterie/core/leaf.hpp"
#include "coterie/debug/dump.hpp"
#include "src/testing/policies.hpp"

namespace coterie::testing {
namespace {

bool any_waits_for_thread(const EventLoop& loop) noexcept {
  for (const TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task())
    if (const Leaf* leaf = task->waiting_on();
        leaf != nullptr && leaf->waiting() && leaf->wait_info().kind == WaitKind::thread)
      return true;
  return false;
}

LoopOptions every_tick() {
  LoopOptions options;
  options.ticks_per_poll = 1;
  return options;
}

}  // namespace

class VirtualLoop::VirtualPoller final : public Poller {
 public:
  TimePoint now() noexcept override { return now_; }
  bool is_virtual() const noexcept override { return true; }

  void poll(std::optional<TimePoint> deadline) override {
    // Whoever answers from another thread holds the inbox; without one nobody need be asked.
    const bool watched = inbox_.use_count() > 1;
    const bool jump = deadline && (*deadline <= now_ || !watched || !any_waits_for_thread(*loop_));
    std::unique_lock lock(mutex_);
    if (jump) {
      now_ = std::max(now_, *deadline);
    } else if (!wake_up_.wait_for(lock, watched ? patience : std::chrono::seconds(0),
                                  [&] { return woken_; })) {
      std::string tasks = debug::dump(*loop_);
      tasks.pop_back();  // the newline
      throw Deadlock((watched
                          ? "deadlock: every task waits, and for ten seconds no other thread has answered\n"
                          : "deadlock: every task waits, no timer is armed and no other thread can help\n") +
                     tasks);
    }
    woken_ = false;
  }

  void wake() noexcept override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_up_.notify_one();
  }

  void advance(Duration time) noexcept { now_ += time; }
  void serve(EventLoop& loop) noexcept {
    loop_ = &loop;
    inbox_ = loop.inbox();
  }

 private:
  static constexpr std::chrono::seconds patience{10};
  TimePoint now_{};
  std::mutex mutex_;
  std::condition_variable wake_up_;
  bool woken_ = false;
  EventLoop* loop_ = nullptr;
  std::weak_ptr<Inbox> inbox_;
};

VirtualLoop::VirtualLoop(std::unique_ptr<ReadyQueue> ready) : VirtualLoop(std::move(ready), every_tick()) {}

VirtualLoop::VirtualLoop(std::unique_ptr<ReadyQueue> ready, LoopOptions options) {
  if (!ready && !options.policy) ready = policy_by_environment();
  auto poller = std::make_unique<VirtualPoller>();
  poller_ = poller.get();
  loop_ = std::make_unique<EventLoop>(std::move(poller), std::move(ready), std::move(options));
  poller_->serve(*loop_);
}

VirtualLoop::~VirtualLoop() {
  if (EventLoop::current_or_null() != nullptr) return;
  try {
    (void)loop_->cancel_all_and_run(std::chrono::hours(1));
  } catch (const Deadlock& deadlock) {  // close() names and destroys what is left
    std::fprintf(stderr, "coterie: %s\n", deadlock.what());
  }
}

double VirtualLoop::seconds() const noexcept {
  return std::chrono::duration<double>(loop_->now().time_since_epoch()).count();
}

void VirtualLoop::block_for(Duration time) noexcept {
  poller_->advance(time);
}

}  // namespace coterie::testing
