#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace coterie {

/// A bounded set of threads for work that blocks. Threads start when they are needed, up to the limit, and
/// are named "coterie-pool". Any thread may submit.
class ThreadPool {
 public:
  class Work {
   public:
    Work() = default;
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    virtual ~Work() = default;
    /// On a thread of the pool; must not throw.
    virtual void run() noexcept = 0;
  };

  /// `threads`: at most so many at a time; 0 is asyncio's default, min(32, cores + 4).
  explicit ThreadPool(std::size_t threads = 0);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  /// Drops what has not started and joins the threads: waits for what runs.
  ~ThreadPool();

  /// Throws std::logic_error after shutdown().
  void submit(std::unique_ptr<Work> work);
  /// Drops what has not started, lets what runs end, joins. Idempotent.
  void shutdown() noexcept;
  [[nodiscard]] std::size_t thread_limit() const noexcept { return limit_; }

  /// The pool that to_thread() uses, of the whole process; made at first use.
  static ThreadPool& shared();

 private:
  void serve();

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::deque<std::unique_ptr<Work>> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace coterie
