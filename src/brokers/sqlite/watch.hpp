#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "coterie/queue/job.hpp"
#include "coterie/threads/completion.hpp"
#include "src/brokers/sqlite/statement.hpp"

namespace coterie::brokers::sqlite {

/// What is waited for: the version of the jobs, and the number of questions to workers and answers.
struct News {
  std::uint64_t version = 0;
  std::uint64_t rung = 0;
};

/// Who waits for newer news than those they know, and the thread that notices other processes' commits.
///
/// Whoever commits a new version touches the database's -shm file afterwards; everybody's inotify sees that.
/// The log itself would be the wrong thing to watch: it changes with every page written, and before the
/// commit is visible. A process killed between commit and touch, or a file system without inotify, costs its
/// waiters one `poll_interval`: they look at the version then, in one read of shared memory.
class Watch {
 public:
  /// `db` reads; it belongs to the watch's thread.
  Watch(Connection db, const std::string& path);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  using Member = std::uint64_t News::*;

  /// They were committed by this process: wakes who waits here, and the other processes. Any thread.
  void committed(const News& news);
  /// Completes with the number that is asked for when it is greater than `known`, or after `at_most`. Any
  /// thread.
  [[nodiscard]] Completion<std::uint64_t> wait(Member what, std::uint64_t known, Milliseconds at_most);

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiter {
    Member what;
    std::uint64_t known;
    Clock::time_point deadline;
    Completion<std::uint64_t> completion;
  };
  void work();
  bool arrived(const News& news);
  [[nodiscard]] bool expire(Clock::time_point now, Clock::time_point& next);
  News read_news() noexcept;
  void nudge() noexcept;

  static constexpr std::chrono::milliseconds poll_interval{200};
  static constexpr std::chrono::milliseconds pause{2};  ///< between two looks, however often others commit

  Connection db_;
  Statement news_{"SELECT (SELECT version FROM meta), (SELECT rung FROM bell)"};
  std::string shm_;
  int inotify_ = -1;
  int wake_ = -1;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  News current_;
  std::vector<Waiter> waiters_;
  std::thread thread_;
};

}  // namespace coterie::brokers::sqlite
