#pragma once
#include <memory>
#include <string>
#include <thread>

#include "coterie/dashboard/dashboard.hpp"
#include "src/cli/log.hpp"

namespace coterie::cli {

/// See parse_address(); where the text is empty, or has no port, the options stay as they are.
void read_address(const std::string& flag, const std::string& text, dashboard::DashboardOptions& options);

/// In a handler of what a dashboard that cannot begin throws: goes on as a UsageError that says what to do.
/// `flag`: where its address was given.
[[noreturn]] void rethrow_with_cure(const std::string& flag);

/// A dashboard on a thread and a loop of its own, so that it answers while handlers block theirs. Ends with
/// the object.
class DashboardThread {
 public:
  /// Waits until it listens; throws why it cannot.
  DashboardThread(std::shared_ptr<queue::Broker> broker, dashboard::DashboardOptions options, Log& log);

 private:
  std::jthread thread_;
};

}  // namespace coterie::cli
