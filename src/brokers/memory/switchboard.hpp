#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "coterie/queue/fleet.hpp"
#include "coterie/threads/completion.hpp"

namespace coterie::brokers::memory {

using queue::Uuid;

/// Who works here, and what is asked of them. Plain calls, from any thread.
class Switchboard {
 public:
  void announce(queue::WorkerReport&& report, queue::UnixMillis now);
  [[nodiscard]] queue::Fleet workers(queue::UnixMillis now);

  /// What waits for this worker. Where that is nothing, `told` is set once it is something.
  [[nodiscard]] std::vector<queue::Question> questions(const Uuid& worker, const Completion<void>& told);
  /// Nobody waits by it any more.
  void stop_telling(const Uuid& worker);

  /// `answered` will be set; or nothing is asked, and this is why.
  [[nodiscard]] std::optional<queue::WorkerAnswer> ask(const Uuid& worker, queue::Question&& question,
                                                       const Completion<queue::WorkerAnswer>& answered,
                                                       queue::UnixMillis now);
  /// Nobody waits for it any more.
  void withdraw(const Uuid& worker, const Uuid& question);
  void answer(const Uuid& worker, const Uuid& question, queue::WorkerAnswer&& answer);

 private:
  struct Waiting {
    queue::Question question;
    Completion<queue::WorkerAnswer> answered;
  };
  struct Member {
    queue::WorkerReport report;
    queue::UnixMillis started_at = 0;
    queue::UnixMillis heard_at = 0;
    std::vector<Waiting> waiting;
  };
  void forget_the_gone(queue::UnixMillis now);

  std::mutex mutex_;
  std::unordered_map<Uuid, Member> members_;
  std::unordered_map<Uuid, Completion<void>> told_;
};

}  // namespace coterie::brokers::memory
