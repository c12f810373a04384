#pragma once
#include <cstddef>
#include <memory>

#include "coterie/poller.hpp"
#include "coterie/task.hpp"

namespace coterie {

/// A bounded set of threads for work that blocks: asyncio's executor. Threads start when they are needed, up
/// to the limit, and are named "coterie-pool". Any thread may submit.
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
  /// shutdown(): waits for what runs, however long.
  ~ThreadPool();

  /// Throws std::logic_error after shutdown().
  void submit(std::unique_ptr<Work> work);
  /// Drops what has not started, lets what runs end and joins the threads, for at most `limit`: threads that
  /// still run then are detached and their number reported. They touch nothing of the pool, which may go;
  /// what their work refers to must not. Gives that number. Idempotent.
  std::size_t shutdown(Duration limit = Duration::max()) noexcept;
  /// Drops what has not started and lets the threads end by themselves; returns at once.
  void request_shutdown() noexcept;
  /// Awaits, in a task of any loop, that no thread runs any more after request_shutdown().
  [[nodiscard]] Task<void> stopped() const;
  [[nodiscard]] std::size_t thread_limit() const noexcept;

  /// The pool that to_thread() uses, of the whole process: made at first use. At the process's end it waits
  /// 300 s for what runs, as asyncio's default executor does.
  static ThreadPool& shared();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace coterie
