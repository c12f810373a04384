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

/// Who waits for a newer version than the one they know, and the thread that notices other processes'
/// commits.
///
/// Whoever commits a new version touches the database's -shm file afterwards; everybody's inotify sees that.
/// The log itself would be the wrong thing to watch: it changes with every page written, and before the
/// commit is visible. A process killed between commit and touch, or a file system without inotify, costs its
/// waiters one `poll_interval`: they look at the version then, in one read of shared memory.
class Watch {
 public:
  /// `db` reads; it belongs to the watch's thread.
  Watch(Connection db, const std::string& path, std::uint64_t version);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  /// The version was committed by this process: wakes who waits here, and the other processes. Any thread.
  void committed(std::uint64_t version);
  /// Completes with the version when it is newer than `known`, or after `at_most`. Any thread.
  [[nodiscard]] Completion<std::uint64_t> wait(std::uint64_t known, Milliseconds at_most);

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiter {
    std::uint64_t known;
    Clock::time_point deadline;
    Completion<std::uint64_t> completion;
  };
  void work();
  void arrived(std::uint64_t version);
  [[nodiscard]] bool expire(Clock::time_point now, Clock::time_point& next);
  std::uint64_t read_version() noexcept;
  void nudge() noexcept;

  static constexpr std::chrono::milliseconds poll_interval{200};
  static constexpr std::chrono::milliseconds pause{2};  ///< between two looks, however often others commit

  Connection db_;
  Statement version_{"SELECT version FROM meta"};
  std::string shm_;
  int inotify_ = -1;
  int wake_ = -1;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::uint64_t current_;
  std::vector<Waiter> waiters_;
  std::thread thread_;
};

}  // namespace coterie::brokers::sqlite
