#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "coterie/queue/broker.hpp"
#include "coterie/sync/event.hpp"
#include "coterie/task.hpp"

namespace coterie::dashboard {

/// What workers are asked for pages: each at most once a second, whoever looks, and a few at a time. Who
/// comes in between gets the newest answer, or waits for the one that is on its way.
///
/// Belongs to one loop.
class Questions {
 public:
  static constexpr queue::Milliseconds patience{2000};
  static constexpr queue::Milliseconds fresh_for{1000};
  /// Questions that are on their way, to all workers; the next is a 429.
  static constexpr std::size_t most_at_once = 16;

  /// What a worker said, and when, by this machine's clock.
  struct Seen {
    queue::WorkerAnswer answer;
    queue::UnixMillis at = 0;
    Seen() = default;
  };

  explicit Questions(std::shared_ptr<queue::Broker> broker) : broker_(std::move(broker)) {}

  /// What its tasks do: the JSON of `coterie dump --json`, checked to be JSON. ApiError.
  [[nodiscard]] Task<std::shared_ptr<const Seen>> tasks_of(queue::Uuid worker);

 private:
  struct Line {
    std::shared_ptr<const Seen> newest;
    TimePoint at;
    bool asking = false;
    Event answered;
  };
  class Asking;
  void forget_the_old(TimePoint now);

  std::shared_ptr<queue::Broker> broker_;
  std::unordered_map<queue::Uuid, std::shared_ptr<Line>> lines_;
  std::size_t asking_ = 0;
};

}  // namespace coterie::dashboard
