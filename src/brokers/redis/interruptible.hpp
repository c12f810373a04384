#pragma once
#include <optional>
#include <utility>

#include "coterie/task.hpp"
#include "coterie/timeout.hpp"

namespace coterie::brokers::redis {

/// One piece of work at a time that others can end: an attempt to connect to where the server is no more.
/// Loop thread only; outlives the work.
class Interruptible {
 public:
  /// Awaits `work` in this task. TimeoutError where interrupt() ended it, which no other end of the work may
  /// be.
  [[nodiscard]] Task<void> run(Task<void> work) {
    const Reset reset{*this};
    auto body = [this, &work](Timeout& scope) -> Task<void> {
      scope_ = &scope;
      co_await std::move(work);
    };
    co_await timeout_at(std::nullopt, body);
  }
  /// Cancels what runs, if anything does.
  void interrupt() {
    if (scope_ != nullptr && !scope_->expired()) scope_->reschedule(EventLoop::current().now());
  }

 private:
  struct Reset {
    Interruptible& of;
    ~Reset() { of.scope_ = nullptr; }
  };
  Timeout* scope_ = nullptr;
};

}  // namespace coterie::brokers::redis
