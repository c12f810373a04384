#pragma once
#include <memory>
#include <string>

#include "coterie/task.hpp"
#include "src/cli/top/model.hpp"

namespace coterie::cli::top {

/// Asks the broker for what the screen shows. Keeps nothing but the rates between two looks; a cancel leaves
/// it as it was.
class Collector {
 public:
  explicit Collector(std::shared_ptr<queue::Broker> broker) : broker_(std::move(broker)) {}

  /// A new sample; where the broker does not answer, `before` with its trouble. BrokerUnavailable where
  /// that is empty: it was never reached.
  /// `tasks`: those of this machine's processes as well.
  Task<Sample> look(Sample before, std::optional<queue::JobId> open, bool tasks);
  /// Does it, and says in a line what came of it. Also where the broker does not answer.
  Task<std::string> perform(Request request);

 private:
  Task<Sample> ask(std::optional<queue::JobId> open);
  std::shared_ptr<queue::Broker> broker_;
  Rates rates_;
};

}  // namespace coterie::cli::top
