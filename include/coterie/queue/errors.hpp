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

/// The broker is there but cannot serve now: a full disk, an I/O error, locked for too long. What was being
/// written is not; repeating the same call is safe.
class BrokerUnavailable : public QueueError {
 public:
  using QueueError::QueueError;
};

}  // namespace coterie::queue
