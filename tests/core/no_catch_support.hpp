#pragma once
// What the tests of cancelling by destruction share.
#include <exception>
#include <string>
#include <vector>

#include "support/both_ways.hpp"

namespace coterie::test {

using Log = std::vector<std::string>;

/// Says in the log when it dies, and whether an exception is on its way.
class Note {
 public:
  Note(Log& log, std::string what) : log_(&log), what_(std::move(what)) {}
  Note(const Note&) = delete;
  Note& operator=(const Note&) = delete;
  ~Note() { log_->push_back(what_ + (std::uncaught_exceptions() > before_ ? " by exception" : "")); }

 private:
  Log* log_;
  std::string what_;
  int before_ = std::uncaught_exceptions();
};

/// Frames with two locals each, the innermost of which sleeps.
template <class How>
Task<void, How> nest(Log& log, int level) {
  Note outer(log, "outer" + std::to_string(level));
  Note inner(log, "inner" + std::to_string(level));
  if (level == 0)
    co_await sleep(1h);
  else
    co_await nest<How>(log, level - 1);
}

}  // namespace coterie::test
