#pragma once
// Time that a test moves by hand, for loops on several threads: none of them sleeps.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "coterie/loop.hpp"

namespace queue_tests {

using coterie::Duration;
using coterie::EventLoop;
using coterie::Poller;
using coterie::TimePoint;

/// Any thread.
class ManualTime {
 public:
  [[nodiscard]] TimePoint now() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->now;
  }
  void advance(Duration by) {
    const std::lock_guard lock(shared_->mutex);
    shared_->now += by;
    shared_->changed.notify_all();
  }
  /// For a loop that lives by it.
  [[nodiscard]] std::unique_ptr<Poller> poller() const { return std::make_unique<ManualPoller>(shared_); }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    TimePoint now{std::chrono::hours(1)};
  };

  class ManualPoller final : public Poller {
   public:
    explicit ManualPoller(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
    TimePoint now() noexcept override {
      const std::lock_guard lock(shared_->mutex);
      return shared_->now;
    }
    void poll(std::optional<TimePoint> deadline) override {
      std::unique_lock lock(shared_->mutex);
      shared_->changed.wait(lock, [&] { return woken_ || (deadline && *deadline <= shared_->now); });
      woken_ = false;
    }
    void wake() noexcept override {
      const std::lock_guard lock(shared_->mutex);
      woken_ = true;
      shared_->changed.notify_all();
    }

   private:
    const std::shared_ptr<Shared> shared_;
    bool woken_ = false;
  };

  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

/// A loop on a thread of its own that lives by that time, from here to its destruction.
class OtherLoop {
 public:
  explicit OtherLoop(const ManualTime& time)
      : loop_(time.poller()), thread_([this] { loop_.run_forever(); }) {}
  ~OtherLoop() {
    loop_.call_soon_threadsafe([this] { loop_.stop(); });
    thread_.join();
  }
  OtherLoop(const OtherLoop&) = delete;
  OtherLoop& operator=(const OtherLoop&) = delete;
  [[nodiscard]] EventLoop& loop() noexcept { return loop_; }

 private:
  EventLoop loop_;
  std::thread thread_;
};

}  // namespace queue_tests
