// From fork to exec. Between them, and the two share their memory (vfork), the child makes system calls and
// no more.
#include "src/io/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string_view>

extern "C" char** environ;

namespace coterie::io::detail {
namespace {

enum class Stage : int { setup, stdio, cwd, exec };

struct Failure {
  Stage stage;
  int error;
};

/// All that the child needs, made ready by the parent.
struct Plan {
  const char* const* candidates;  // paths to try, null at the end
  char* const* argv;
  char* const* envp;
  const char* cwd;         // null: stay
  std::array<int, 3> fds;  // for 0, 1, 2; above 2, or one of these:
  int error_fd;
  int group_watcher;  // -1: none
  pid_t parent;
};
constexpr int leave_it = -1;
constexpr int same_as_stdout = -2;

#define COTERIE_IN_CHILD __attribute__((no_sanitize("address", "undefined", "thread")))

[[noreturn]] COTERIE_IN_CHILD void give_up(const Plan& plan, Stage stage, int error) noexcept {
  const Failure failure{stage, error};
  (void)!::write(plan.error_fd, &failure, sizeof failure);
  ::_exit(127);
}

/// Waits while the watcher is behind; one that is gone is no reason to fail.
COTERIE_IN_CHILD void tell(int watcher, pid_t group) noexcept {
  if (watcher < 0) return;
  while (::send(watcher, &group, sizeof group, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

[[noreturn]] COTERIE_IN_CHILD void run_child(const Plan& plan) noexcept {
  if (::setpgid(0, 0) != 0) give_up(plan, Stage::setup, errno);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(plan, Stage::setup, errno);
  if (::getppid() != plan.parent) ::_exit(127);  // it died before the line above: nobody will tell us
  tell(plan.group_watcher, ::getpid());          // by the child: the parent might die before it could
  for (int i = 0; i < 3; ++i) {
    const int source = plan.fds[static_cast<std::size_t>(i)];
    if (source == leave_it) continue;
    if (::dup2(source == same_as_stdout ? STDOUT_FILENO : source, i) < 0) give_up(plan, Stage::stdio, errno);
  }
  if (plan.cwd != nullptr && ::chdir(plan.cwd) != 0) give_up(plan, Stage::cwd, errno);
  // Ours are close-on-exec already; this is for those of other libraries. Older kernels: they leak, as
  // elsewhere.
  (void)::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  // A handler of the parent's must not run here. What the parent ignores stays ignored, but for SIGPIPE,
  // which programs count on.
  for (int signo = 1; signo < NSIG; ++signo) {
    struct sigaction action;
    if (::sigaction(signo, nullptr, &action) != 0) continue;
    if (action.sa_handler == SIG_DFL || (action.sa_handler == SIG_IGN && signo != SIGPIPE)) continue;
    action.sa_handler = SIG_DFL;
    action.sa_flags = 0;
    (void)::sigaction(signo, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  // As execvp: a file that may not be run does not end the search, but is remembered.
  int error = ENOENT;
  for (const char* const* path = plan.candidates; *path != nullptr; ++path) {
    ::execve(*path, plan.argv, plan.envp);
    if (errno == EACCES)
      error = EACCES;
    else if (errno != ENOENT && errno != ENOTDIR)
      give_up(plan, Stage::exec, errno);
  }
  give_up(plan, Stage::exec, error);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

std::vector<std::string> environment(const ProcessOptions& options) {
  std::vector<std::string> all = options.env;
  if (options.clear_env) return all;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
    bool replaced = false;
    for (const auto& ours : options.env) replaced = replaced || name_of(ours) == name_of(*variable);
    if (!replaced) all.emplace_back(*variable);
  }
  return all;
}

std::vector<std::string> candidates(const std::string& program, const std::vector<std::string>& env) {
  if (program.find('/') != std::string::npos) return {program};
  std::string_view path = "/usr/local/bin:/usr/bin:/bin";
  for (const std::string& variable : env)
    if (name_of(variable) == "PATH") path = std::string_view(variable).substr(5);
  std::vector<std::string> all;
  for (;;) {
    const std::size_t end = path.find(':');
    const std::string_view folder = path.substr(0, end);
    all.push_back((folder.empty() ? "." : std::string(folder)) + "/" + program);
    if (end == std::string_view::npos) return all;
    path.remove_prefix(end + 1);
  }
}

void check(const ProcessOptions& options) {
  if (options.argv.empty() || options.argv.front().empty())
    throw std::invalid_argument("cannot run a process without a program: argv is empty");
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  for (const auto& text : options.argv)
    if (has_nul(text))
      throw std::invalid_argument("cannot run '" + options.argv.front() + "': NUL in an argument");
  for (const auto& text : options.env)
    if (has_nul(text) || text.find('=') == std::string::npos)
      throw std::invalid_argument("cannot run '" + options.argv.front() +
                                  "': the environment needs NAME=value");
  if (has_nul(options.cwd))
    throw std::invalid_argument("cannot run '" + options.argv.front() + "': NUL in the directory");
  if (options.in == Stdio::merge || options.out == Stdio::merge)
    throw std::invalid_argument("only stderr can be merged, into stdout");
}

/// Out of the way of 0, 1 and 2, which the child overwrites.
UniqueFd above_stdio(UniqueFd fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (copy.get() < 0) throw_errno(errno, "cannot duplicate a descriptor");
  return copy;
}

struct PipeEnds {
  UniqueFd read;
  UniqueFd write;
  PipeEnds() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno(errno, "cannot make a pipe for a process");
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
    read = above_stdio(std::move(read));
    write = above_stdio(std::move(write));
  }
};

std::string describe(const ProcessOptions& options, Stage stage) {
  std::string text = "cannot run '" + options.argv.front() + "'";
  if (stage == Stage::cwd) text += " in the directory '" + options.cwd + "'";
  if (stage == Stage::stdio) text += ", its standard streams";
  if (stage == Stage::setup) text += ", its process group";
  return text;
}

// Apart, so that nothing of C++ lives in the frame that returns twice.
[[gnu::noinline]] pid_t fork_and_run(const Plan& plan) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // fork() would copy the page tables of a large worker for every job. What makes vfork() dangerous, running
  // code that changes the shared memory, is what run_child() does not do.
  const pid_t pid = ::vfork();  // NOLINT(bugprone-unsafe-functions,clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) run_child(plan);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

struct Groups {
  std::mutex mutex;
  std::set<pid_t> leaders;
  pid_t owner = ::getpid();  // in a child that was forked without exec they are its parent's
};
Groups& groups() {
  static Groups instance;
  return instance;
}

}  // namespace

Child start_child(const ProcessOptions& options) {
  check(options);
  const std::vector<std::string> env = environment(options);
  const std::vector<std::string> paths = candidates(options.argv.front(), env);
  const std::vector<char*> argv = pointers(options.argv);
  const std::vector<char*> envp = pointers(env);
  const std::vector<char*> tried = pointers(paths);

  Child child;
  std::array<UniqueFd, 3> theirs;
  Plan plan{};
  const std::array<Stdio, 3> wanted{options.in, options.out, options.err};
  for (std::size_t i = 0; i < 3; ++i) {
    plan.fds.at(i) = leave_it;
    if (wanted.at(i) == Stdio::merge) plan.fds.at(i) = same_as_stdout;
    if (wanted.at(i) == Stdio::null) {
      theirs.at(i) = above_stdio(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
    } else if (wanted.at(i) == Stdio::pipe) {
      PipeEnds pipe;
      theirs.at(i) = std::move(i == 0 ? pipe.read : pipe.write);
      child.pipes.at(i) = std::move(i == 0 ? pipe.write : pipe.read);
    }
    if (theirs.at(i).get() >= 0) plan.fds.at(i) = theirs.at(i).get();
  }
  PipeEnds errors;
  plan.candidates = tried.data();
  plan.argv = argv.data();
  plan.envp = envp.data();
  plan.cwd = options.cwd.empty() ? nullptr : options.cwd.c_str();
  plan.error_fd = errors.write.get();
  plan.group_watcher = options.group_watcher;
  plan.parent = ::getpid();

  child.pid = fork_and_run(plan);
  if (child.pid < 0) throw_errno(errno, "cannot start a process for '" + options.argv.front() + "'");
  errors.write.reset();
  Failure failure{};
  ssize_t got = 0;
  do got = ::read(errors.read.get(), &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof failure)) {
    tell_group_ends(options.group_watcher, child.pid);
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED) != 0 && errno == EINTR) {
    }
    throw_errno(failure.error, describe(options, failure.stage));
  }
  return child;
}

void remember_group(pid_t pid) {
  Groups& all = groups();
  const std::lock_guard lock(all.mutex);
  if (std::exchange(all.owner, ::getpid()) != ::getpid()) all.leaders.clear();
  all.leaders.insert(pid);
}

void forget_group(pid_t pid) noexcept {
  const std::lock_guard lock(groups().mutex);
  groups().leaders.erase(pid);
}

void kill_all_groups() noexcept {
  const std::lock_guard lock(groups().mutex);
  if (groups().owner != ::getpid()) return;
  for (const pid_t pid : groups().leaders) (void)::kill(-pid, SIGKILL);
}

void tell_group_ends(int watcher, pid_t pid) noexcept {
  tell(watcher, -pid);
}

}  // namespace coterie::io::detail
