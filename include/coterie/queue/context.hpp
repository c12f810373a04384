#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "coterie/poller.hpp"
#include "coterie/queue/broker.hpp"

namespace coterie::queue {

namespace detail {
/// The worker, as a running job sees it. Any thread.
class JobHost : public std::enable_shared_from_this<JobHost> {
 public:
  JobHost() = default;
  JobHost(const JobHost&) = delete;
  JobHost& operator=(const JobHost&) = delete;
  virtual ~JobHost() = default;
  virtual void progress_noted() noexcept = 0;
};
}  // namespace detail

/// What `progress()` returns: already done, so that a coroutine may write `co_await job.progress(0.5)` and a
/// plain function `job.progress(0.5)`.
struct ProgressNoted {
  bool await_ready() const noexcept { return true; }
  template <class Handle>
  void await_suspend(Handle) const noexcept {}
  void await_resume() const noexcept {}
};

/// What a handler knows about the run that it is: which job, which attempt, and whether it should stop.
///
/// It lives until the run has ended and was acknowledged. All members may be called from any thread, so that
/// a handler may hand it to the pool; work that can outlive the run keeps `shared_from_this()`.
class JobContext : public std::enable_shared_from_this<JobContext> {
 public:
  JobContext(const JobContext&) = delete;
  JobContext& operator=(const JobContext&) = delete;

  [[nodiscard]] const JobId& id() const noexcept { return lease_.ref.id; }
  /// Of the handler.
  [[nodiscard]] const std::string& name() const noexcept { return lease_.name; }
  [[nodiscard]] const std::string& queue() const noexcept { return lease_.queue; }
  [[nodiscard]] int priority() const noexcept { return lease_.priority; }
  /// Which run this is, from 1. Runs that were given back or lost with their worker do not count.
  [[nodiscard]] std::uint32_t attempt() const noexcept { return lease_.attempt; }
  [[nodiscard]] std::uint32_t max_attempts() const noexcept { return lease_.max_attempts; }
  [[nodiscard]] bool last_attempt() const noexcept { return lease_.attempt >= lease_.max_attempts; }
  /// Grows with each lease of this job. A store that remembers the highest fence it has seen for the job, and
  /// refuses lower ones, is safe from a run that went on although its lease was lost.
  /// It holds too where the broker's store was set back to an older copy, for fences go by the broker's
  /// clock; but not if that clock was set back as well, or had been outrun by more than 64 leases a
  /// millisecond.
  [[nodiscard]] std::uint64_t fence() const noexcept { return lease_.ref.token; }
  /// When it was enqueued, by the broker's clock.
  [[nodiscard]] UnixMillis created_at() const noexcept { return lease_.created_at; }
  /// The payload's JSON text. Empty for a raw handler, which was given it.
  [[nodiscard]] const std::string& payload() const noexcept { return lease_.payload; }
  /// As they were enqueued.
  [[nodiscard]] const Headers& headers() const noexcept { return lease_.headers; }
  /// It runs with nothing beside it, because workers have died while they ran it.
  [[nodiscard]] bool alone() const noexcept { return lease_.alone; }

  /// How far the job is, 0…1 (anything else is held within), and a few words, up to 1,024 bytes of UTF-8.
  /// Buffered: the newest goes to the broker with the worker's next call, a few times a second at most. What
  /// was not sent when the job ends never is. Never blocks, never suspends, never throws `Cancelled`.
  ProgressNoted progress(double fraction, std::string note = {});

  /// Somebody asked to stop this run: a cancel, its timeout, the worker's drain, or a lost lease. A coroutine
  /// need not ask: it gets `Cancelled` at its next await. A plain function cannot be stopped from outside, so
  /// one that runs long asks now and then; it is up to it to return a result or to throw.
  [[nodiscard]] bool cancelled() const noexcept {
    return cancelled_.load(std::memory_order_acquire) || lease_lost();
  }
  /// Another worker may run this job by now, and this run's result will be refused. True no later than the
  /// lease's end, also in a handler that blocks its loop.
  [[nodiscard]] bool lease_lost() const noexcept { return lost_run_.load(std::memory_order_acquire) == run_; }
  /// What is left of the attempt's timeout, never negative; nothing when it has none.
  [[nodiscard]] std::optional<Milliseconds> remaining() const;

 protected:
  friend class RawPayload;
  JobContext() = default;
  ~JobContext() = default;

  Lease lease_;
  std::weak_ptr<detail::JobHost> host_;
  TimePoint deadline_ = TimePoint::max();
  std::atomic<bool> cancelled_{false};
  std::uint64_t run_ = 1;  // a record is used for many runs, one after the other
  std::atomic<std::uint64_t> lost_run_{
      0};  // the one whose lease was lost; any thread may say so, however late

  std::mutex progress_mutex_;
  bool progress_dirty_ = false;
  double progress_ = 0;
  std::string note_;
};

}  // namespace coterie::queue
