#pragma once
#include <cstddef>

#include "coterie/poller.hpp"

namespace coterie::brokers::redis {

/// How much one process asks of a shard in one go, by how long the answers take.
///
/// Where it is alone, it asks for as much as there is: a round trip brings up to 16 scripts of 64 jobs, and
/// the server is never without work. Where others keep the server busy, an answer takes longer than the work
/// in it: then it asks for less at a time, and waits before it asks again, so that the server's queue is
/// short and strangers, who have one small command, are served soon. The idea is LEDBAT's (RFC 6817): whoever
/// can wait reads the queue from its delay, and gives way.
class Pace {
 public:
  static constexpr std::size_t takes_most = 16;
  static constexpr std::size_t jobs_most = 64;
  static constexpr std::size_t jobs_least = 16;

  /// How many scripts that take to send at once.
  [[nodiscard]] std::size_t takes() const noexcept { return takes_; }
  /// How many jobs each of them may take.
  [[nodiscard]] std::size_t jobs() const noexcept { return jobs_; }
  /// How long to wait before the next call.
  [[nodiscard]] Duration pause() const noexcept { return pause_; }

  /// Scripts were answered after `elapsed`, with `jobs` that they took or settled. `full`: they took as many
  /// as they might, so there may be more.
  void note(Duration elapsed, std::size_t jobs, bool full) noexcept;

 private:
  std::size_t takes_ = 1;
  std::size_t jobs_ = jobs_most;
  Duration pause_{0};
  double least_ = 0;  // nanoseconds for a job, where nobody else was served meanwhile; 0: not known
};

}  // namespace coterie::brokers::redis
