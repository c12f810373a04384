#include "tests/brokers/redis_process.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace broker_suite {
namespace {

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// In the child: only what is safe after a fork.
[[noreturn]] void become_server(pid_t parent, int log, char* const* arguments) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvp(arguments[0], arguments);
  constexpr char missing[] = "redis-server cannot be run: sudo apt-get install redis-server\n";
  (void)!::write(STDERR_FILENO, missing, sizeof missing - 1);
  ::_exit(127);
}

}  // namespace

RedisProcess::~RedisProcess() {
  end(SIGKILL);
}

void RedisProcess::start(std::vector<std::string> words, const std::string& ready) {
  if (const char* const program = std::getenv("REDIS_SERVER"); program != nullptr && *program != '\0')
    words[0] = program;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe2");
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become_server(parent, ends[1], arguments.data());
  ::close(ends[1]);
  log_ = ends[0];
  if (pid_ < 0) throw_errno("fork");
  wait_for(ready);
}

/// Its log says so. What it says later fits into the pipe.
void RedisProcess::wait_for(const std::string& ready) {
  std::string log;
  std::array<char, 4096> chunk{};
  while (log.find(ready) == std::string::npos) {
    const ssize_t got = ::read(log_, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      end(SIGKILL);
      throw std::runtime_error("redis-server did not start:\n" + log);
    }
    log.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

void RedisProcess::end(int signal) {
  if (pid_ > 0) {
    (void)::kill(pid_, signal);
    (void)::kill(pid_, SIGCONT);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (log_ >= 0) ::close(log_);
  pid_ = log_ = -1;
}

void RedisProcess::stop() {
  end(SIGTERM);
}
void RedisProcess::kill() {
  end(SIGKILL);
}

void RedisProcess::freeze() {
  (void)::kill(pid_, SIGSTOP);
  int status = 0;
  (void)::waitpid(pid_, &status, WUNTRACED);
}
void RedisProcess::thaw() {
  (void)::kill(pid_, SIGCONT);
}

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw_errno("socket");
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof at;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&at), bytes) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &bytes) == 0;
  ::close(fd);
  if (!bound) throw_errno("bind");
  return ntohs(at.sin_port);
}

}  // namespace broker_suite
