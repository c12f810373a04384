#pragma once
#include <sys/types.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "src/debug/request.hpp"

namespace coterie::cli {

/// A process of this user that has a debug socket.
struct Seen {
  pid_t pid = 0;
  std::string socket;
  Seen() = default;
};
/// By pid. Sockets at which nobody listens any more are removed.
[[nodiscard]] std::vector<Seen> processes_with_eyes();

/// No answer: the process has ended, or does not want to. Exit code 3.
class Unanswered : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Nobody listens there: the process has ended.
class Gone : public Unanswered {
 public:
  using Unanswered::Unanswered;
};

/// What the process answers, within `patience`. Unanswered; UsageError for what it does not understand.
[[nodiscard]] std::string ask(const std::string& socket, const debug::Request& request,
                              std::chrono::milliseconds patience = std::chrono::seconds(10));
[[nodiscard]] std::string ask(pid_t pid, const debug::Request& request);

/// The same from its memory, without its help: for one that is stopped, or was started without the socket.
[[nodiscard]] std::string read_raw(pid_t pid, const debug::Request& request);

}  // namespace coterie::cli
