#include "src/debug/collect.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

#include "src/core/debug_block.hpp"
#include "src/core/loop_registry.hpp"
#include "src/debug/capture.hpp"
#include "src/debug/memory.hpp"
#include "src/debug/walk.hpp"

namespace coterie::debug {
namespace {

using coterie::detail::LoopRegistry;

/// What loops answer, who may do so long after nobody waits for it any more.
class Gathering {
 public:
  explicit Gathering(std::size_t loops) : answers_(loops), missing_(loops) {
    bell_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;
  ~Gathering() { ::close(bell_); }

  [[nodiscard]] bool over() {
    const std::lock_guard lock(mutex_);
    return over_;
  }
  /// Nothing: the loop has closed before its turn came.
  void answer(std::size_t loop, std::optional<Capture> seen) noexcept {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    answers_[loop] = std::move(seen);
    if (--missing_ == 0) ::eventfd_write(bell_, 1);
  }
  std::vector<std::optional<Capture>> wait(std::chrono::milliseconds limit, int stop) {
    if (answers_.empty()) return {};
    const auto deadline = std::chrono::steady_clock::now() + limit;
    pollfd fds[2] = {{bell_, POLLIN, 0}, {stop, POLLIN, 0}};
    for (auto left = limit; left.count() > 0;) {
      if (::poll(fds, 2, static_cast<int>(left.count())) > 0) break;
      left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    }
    const std::lock_guard lock(mutex_);
    over_ = true;
    return std::move(answers_);
  }

 private:
  int bell_;
  std::mutex mutex_;
  std::vector<std::optional<Capture>> answers_;
  std::size_t missing_;
  bool over_ = false;
};

/// Runs on the loop; or is destroyed when that has closed.
class Question {
 public:
  Question(std::shared_ptr<Gathering> of, std::size_t loop) noexcept
      : gathering_(std::move(of)), loop_(loop) {}
  Question(Question&&) noexcept = default;
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;
  Question& operator=(Question&&) = delete;
  ~Question() {
    if (gathering_) gathering_->answer(loop_, std::nullopt);
  }
  void operator()() {
    const std::shared_ptr<Gathering> gathering = std::move(gathering_);
    if (!gathering->over()) gathering->answer(loop_, capture(EventLoop::current()));
  }

 private:
  std::shared_ptr<Gathering> gathering_;
  std::size_t loop_;
};

std::vector<std::optional<Capture>> ask(const std::vector<LoopRegistry::Entry>& loops, int stop) {
  const auto gathering = std::make_shared<Gathering>(loops.size());
  for (std::size_t i = 0; i < loops.size(); ++i) {
    if (loops[i].thread == 0)  // nobody would answer
      gathering->answer(i, std::nullopt);
    else
      loops[i].inbox->post(make_posted(Question(gathering, i)));
  }
  return gathering->wait(Collector::patience, stop);
}

/// A loop that did not answer, or does not run: nobody keeps it from going on meanwhile.
std::optional<LoopSnapshot> read_unasked(const LoopRegistry::Entry& loop) {
  ProcessMemory memory(::getpid());
  std::string problem;
  const auto block = reinterpret_cast<std::uintptr_t>(&coterie_debug_block);
  const auto address = reinterpret_cast<std::uintptr_t>(loop.loop);
  std::vector<LoopSnapshot> found = walk(memory, block, problem, address);
  if (!found.empty()) return std::move(found.front());
  if (problem.empty()) return std::nullopt;  // it has gone since
  LoopSnapshot unread;
  unread.synchronised = false;
  unread.thread = loop.thread;
  unread.problem = "its tasks cannot be read: ";
  unread.problem +=
      memory.error() == 0 ? problem : "process_vm_readv: " + std::generic_category().message(memory.error());
  return unread;
}

}  // namespace

Report Collector::collect(int stop) {
  const auto begin = std::chrono::steady_clock::now();
  Report report;
  report.pid = ::getpid();
  report.program = program_of(report.pid);
  report.uptime = uptime_of(report.pid);
  const std::vector<LoopRegistry::Entry> loops = LoopRegistry::all();
  std::vector<std::optional<Capture>> answers = ask(loops, stop);
  for (std::size_t i = 0; i < loops.size(); ++i) {
    if (answers[i]) {
      report.loops.push_back(resolve(std::move(*answers[i])));
      continue;
    }
    std::optional<LoopSnapshot> seen = read_unasked(loops[i]);
    if (!seen) continue;
    if (loops[i].thread != 0 && seen->thread != 0) {
      std::string why;
      seen->native_stack = stacks_.of_thread(seen->thread, why);
      if (seen->problem.empty())
        seen->problem = "it has not answered for " + std::to_string(patience.count()) + " ms";
      if (!why.empty()) seen->problem += "; " + why;
    }
    add_endpoints(*seen);
    report.loops.push_back(std::move(*seen));
  }
  report.took = std::chrono::steady_clock::now() - begin;
  return report;
}

}  // namespace coterie::debug
