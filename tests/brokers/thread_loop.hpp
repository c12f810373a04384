#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "coterie/cancel.hpp"
#include "coterie/loop.hpp"
#include "coterie/poller.hpp"
#include "coterie/queue/job.hpp"
#include "coterie/spawn.hpp"

namespace broker_suite {

/// Real time and no I/O: all that a loop needs whose only business is to be woken by other threads.
class ThreadPoller final : public coterie::Poller {
 public:
  coterie::TimePoint now() noexcept override { return Clock::now(); }
  void poll(std::optional<coterie::TimePoint> deadline) override {
    std::unique_lock lock(mutex_);
    const auto woken = [this] { return woken_; };
    if (deadline) {
      wake_up_.wait_until(lock, *deadline, woken);
    } else {
      wake_up_.wait(lock, woken);
    }
    woken_ = false;
  }
  void wake() noexcept override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_up_.notify_one();
  }

 private:
  using Clock = coterie::TimePoint::clock;
  std::mutex mutex_;
  std::condition_variable wake_up_;
  bool woken_ = false;
};

/// A thread's own loop.
class ThreadLoop {
 public:
  ThreadLoop() : loop_(std::make_unique<ThreadPoller>()) {}
  ~ThreadLoop() { (void)loop_.cancel_all_and_run(std::chrono::hours(1)); }
  template <class T>
  T run(coterie::Task<T> body) {
    auto* const state = coterie::detail::TaskState<T>::spawn_on(loop_, std::move(body));
    coterie::JoinHandle<T> main(*state);
    loop_.run_until([&] { return main.done(); });
    return std::move(main.state().outcome()).get();
  }

 private:
  coterie::EventLoop loop_;
};

/// Far longer than any test may take: who needs it was not woken.
inline constexpr coterie::queue::Milliseconds for_ever{std::chrono::minutes(10)};

}  // namespace broker_suite
