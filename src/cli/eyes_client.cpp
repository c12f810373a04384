#include "src/cli/eyes_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>

#include "src/cli/command.hpp"
#include "src/debug/directory.hpp"
#include "src/debug/memory.hpp"
#include "src/debug/report.hpp"
#include "src/debug/walk.hpp"

namespace coterie::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t longest_answer = std::size_t{1} << 30;
constexpr int looks_at_memory = 3;

/// Closes itself.
class Connection {
 public:
  explicit Connection(const std::string& path) : fd_(debug::connect_to(path)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }
  void send(const std::string& text) const { (void)::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  /// Up to the end; what came so far where it took too long.
  [[nodiscard]] std::string read_all(std::chrono::milliseconds patience) const {
    const auto deadline = Clock::now() + patience;
    std::string text;
    char piece[16384];
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      pollfd readable{fd_, POLLIN, 0};
      if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left)) <= 0) return text;
      const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
      if (got <= 0 || text.size() > longest_answer) return text;
      text.append(piece, static_cast<std::size_t>(got));
    }
  }

 private:
  int fd_;
};

std::optional<std::string> ask_once(const std::string& socket, const debug::Request& request,
                                    std::chrono::milliseconds patience = std::chrono::seconds(10)) {
  const Connection connection(socket);
  if (!connection.open()) return std::nullopt;
  connection.send(debug::format_request(request) + "\n");
  return connection.read_all(patience);
}

std::string body_of(const std::string& answer, const std::string& who) {
  const auto end = std::min(answer.find('\n'), answer.size());
  const std::string head = answer.substr(0, end);
  if (head.starts_with("error ")) throw UsageError(who + " refuses: " + head.substr(6));
  std::size_t size = 0;
  const bool is_ok = head.starts_with("ok ") &&
                     std::from_chars(head.data() + 3, head.data() + head.size(), size).ec == std::errc();
  if (!is_ok || answer.size() != end + 1 + size)
    throw Unanswered(who +
                     " has not answered: it ended meanwhile, or is stopped; --raw reads it all the same");
  return answer.substr(end + 1);
}

std::string folders() {
  std::string text;
  for (const std::string& folder : debug::socket_directories()) text += (text.empty() ? "" : ", ") + folder;
  return text;
}

}  // namespace

std::vector<Seen> processes_with_eyes() {
  std::vector<Seen> found;
  for (const std::string& folder : debug::socket_directories())
    for (const std::string& path : debug::sockets_in(folder)) {
      Seen& its = found.emplace_back();
      its.socket = path;
      const char* const digits = path.data() + folder.size() + 1;
      std::from_chars(digits, path.data() + path.size(), its.pid);
    }
  std::sort(found.begin(), found.end(), [](const Seen& a, const Seen& b) { return a.pid < b.pid; });
  return found;
}

std::string ask(const std::string& socket, const debug::Request& request,
                std::chrono::milliseconds patience) {
  const std::optional<std::string> answer = ask_once(socket, request, patience);
  if (!answer) throw Gone("nobody listens at " + socket + ": its process has ended");
  return body_of(*answer, socket);
}

std::string ask(pid_t pid, const debug::Request& request) {
  const std::string who = "process " + std::to_string(pid);
  for (const Seen& its : processes_with_eyes()) {
    if (its.pid != pid) continue;
    if (const std::optional<std::string> answer = ask_once(its.socket, request)) return body_of(*answer, who);
  }
  if (::kill(pid, 0) != 0 && errno == ESRCH) throw Unanswered("there is no " + who);
  throw Unanswered(who + " has no debug socket in " + folders() +
                   ": it runs no loop of Coterie now, or was told to have none; --raw reads its memory "
                   "instead, and `coterie ps` shows those that have one");
}

std::string read_raw(pid_t pid, const debug::Request& request) {
  const std::string who = "process " + std::to_string(pid);
  if (::kill(pid, 0) != 0 && errno == ESRCH) throw Unanswered("there is no " + who);
  const auto begin = Clock::now();
  debug::ProcessMemory memory(pid);
  const std::optional<std::uint64_t> block = debug::find_debug_block(pid, memory);
  if (!block) {
    if (memory.error() == EPERM || ::access(("/proc/" + std::to_string(pid) + "/maps").c_str(), R_OK) != 0)
      throw Unanswered(
          "the memory of " + who +
          " may not be read: it is another user's, or /proc/sys/kernel/yama/ptrace_scope is not 0; "
          "be root, or ask its socket, without --raw");
    throw Unanswered(who + " is no program of Coterie: there is no debug block in its memory");
  }
  debug::Report report;
  // It goes on meanwhile: what was torn is whole the next time, mostly.
  for (int left = looks_at_memory; left > 0; --left) {
    report.problem.clear();
    report.loops = debug::walk(memory, *block, report.problem);
    if (std::ranges::all_of(report.loops, [](const auto& loop) { return loop.problem.empty(); })) break;
  }
  report.pid = pid;
  report.program = debug::program_of(pid);
  report.uptime = debug::uptime_of(pid);
  report.took = Clock::now() - begin;
  return debug::answer(report, request);
}

}  // namespace coterie::cli
