#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coterie/queue/worker.hpp"
#include "coterie/task.hpp"
#include "src/queue/pulse.hpp"

namespace coterie::queue {

/// Keeps the dead jobs of a worker's queues below WorkerOptions::dead_jobs(), and says that there are some:
/// nobody loses one without having been warned.
///
/// It counts at the start, for what died with a worker that is no more (a job that was quarantined killed it,
/// or it ended within a minute), and then only where a job of its own worker has died, so that idle workers
/// cost nothing. Where several workers forget at the same moment, a few more than too many are forgotten.
class Janitor {
 public:
  using Warn = std::function<void(const std::string& line)>;

  Janitor(std::shared_ptr<Broker> broker, const WorkerOptions& options, std::shared_ptr<Pulse> pulse,
          Warn warn);
  /// Looks, if it is time and there is a reason to. A broker that does not answer is asked the next time.
  Task<void> tidy();

 private:
  Task<void> look_at(std::string queue, std::uint64_t dead, TimePoint until);
  Task<std::uint64_t> forget_oldest(std::string queue, std::uint64_t count, TimePoint until);

  const std::shared_ptr<Broker> broker_;
  const std::shared_ptr<Pulse> pulse_;
  const Warn warn_;
  const std::vector<std::string> queues_;
  const std::uint64_t most_;
  std::optional<std::uint64_t> deaths_;  // when it looked last
  TimePoint next_look_ = TimePoint::min();
  std::map<std::string, TimePoint> warn_again_;  // queue -> not before
};

}  // namespace coterie::queue
