#pragma once
#include <memory>
#include <string>
#include <vector>

#include "coterie/loop.hpp"
#include "coterie/queue/broker.hpp"
#include "coterie/queue/redaction.hpp"

namespace coterie::dashboard {

/// What no page may see: the usual fields, those that this dashboard was told of, and those that workers have
/// declared at the broker, which is asked at most once a second.
///
/// Belongs to one loop.
class Redactions {
 public:
  /// BadOptions for what cannot be a field's name.
  Redactions(std::shared_ptr<queue::Broker> broker, const std::vector<std::string>& fields);

  /// What holds now. Throws what the broker throws: rather no answer than one with too much in it.
  [[nodiscard]] Task<std::shared_ptr<const queue::Redaction>> now();

 private:
  std::shared_ptr<queue::Broker> broker_;
  queue::Redaction own_;
  std::shared_ptr<const queue::Redaction> newest_;
  TimePoint at_;
  std::string declared_;
};

}  // namespace coterie::dashboard
