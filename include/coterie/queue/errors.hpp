#pragma once
#include <stdexcept>
#include <string>

namespace coterie::queue {

/// Base of what brokers and clients throw. `what()` is one line: the thing, what is wrong, the cure.
class QueueError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller's mistake: a limit, a bad name, a negative delay. Nothing was written.
class BadRequest : public QueueError {
 public:
  using QueueError::QueueError;
};

/// The URL names no broker that can be used: unknown scheme, unwritable path, not a database, newer schema;
/// or what it named is no longer there.
class BadBroker : public QueueError {
 public:
  using QueueError::QueueError;
};

/// The broker cannot serve now: away, a full disk, an I/O error, locked for too long; or the answer did not
/// come, and then it is unknown whether the call was applied. Repeating the same call is safe: nothing is
/// done twice.
class BrokerUnavailable : public QueueError {
 public:
  using QueueError::QueueError;
};

}  // namespace coterie::queue
