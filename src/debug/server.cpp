#include "src/debug/server.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "src/debug/client_line.hpp"
#include "src/debug/collect.hpp"
#include "src/debug/directory.hpp"

namespace coterie::debug {
namespace {

constexpr int most_waiting = 16;  // clients that have not been answered yet

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// What the handler of the dump signal writes to; -1: nobody listens.
constinit std::atomic<int> signal_target{-1};

/// What a child of fork() closes.
constinit std::atomic<int> inherited_listener{-1};

void on_dump_signal(int) {
  const int kept = errno;
  if (const int fd = signal_target.load(); fd >= 0) ::eventfd_write(fd, 1);
  errno = kept;
}

/// Listens before it has its name, so that who finds a name and is refused knows that its process is gone.
int listen_at(const std::string& path) {
  const std::string unnamed = path + ".new";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (unnamed.size() >= sizeof address.sun_path)
    throw std::runtime_error("the path of the debug socket is too long: " + path);
  std::memcpy(address.sun_path, unnamed.c_str(), unnamed.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) fail("socket");
  ::unlink(unnamed.c_str());
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(unnamed.c_str(), 0600) != 0 || ::listen(fd, most_waiting) != 0 ||
      ::rename(unnamed.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::close(fd);
    ::unlink(unnamed.c_str());
    errno = error;
    fail("cannot make the debug socket " + path);
  }
  return fd;
}

/// What an answer takes, kept for it: the client's descriptor and the one that loops ring. So a program that
/// leaks descriptors, and has none left, can be looked at.
class Spare {
 public:
  Spare() noexcept { take(); }
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() { give(); }
  void take() noexcept {
    for (int& fd : fds_)
      if (fd < 0) fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  void give() noexcept {
    for (int& fd : fds_)
      if (fd >= 0) ::close(std::exchange(fd, -1));
  }

 private:
  std::array<int, 2> fds_{-1, -1};
};

bool is_allowed(int client) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace

/// What the thread does; it alone touches this.
struct DebugServer::Thread {
  Thread(int listen_fd, int stop_fd, int signal_fd, const ServerOptions& options)
      : listener(listen_fd),
        stop(stop_fd),
        dump_signal(signal_fd),
        directory(options.directory),
        collector(options.native_stacks) {}

  void run() {
    ::pthread_setname_np(::pthread_self(), "coterie-debug");
    remove_stale();
    for (;;) {
      pollfd fds[3] = {{stop, POLLIN, 0}, {listener, POLLIN, 0}, {dump_signal, POLLIN, 0}};
      if (::poll(fds, 3, -1) <= 0) continue;
      if (fds[0].revents != 0) return;
      if (fds[1].revents != 0) serve_next();
      if (fds[2].revents != 0) print();
    }
  }

  void remove_stale() const {
    for (const std::string& path : sockets_in(directory))
      if (const int fd = connect_to(path); fd >= 0) ::close(fd);
  }

  void serve_next() {
    spare.give();
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
      serve(fd);
    else if (errno != EAGAIN && errno != ECONNABORTED)
      pause();
    spare.take();
  }

  /// A client that cannot be taken on stands in line, and poll() would say so again at once.
  void pause() const {
    pollfd end{stop, POLLIN, 0};
    (void)::poll(&end, 1, 100);
  }

  void serve(int fd) {
    const ClientLine client(fd, stop);
    if (!is_allowed(fd)) return client.refuse("this process answers its own user only");
    const std::optional<std::string> line = client.read_line();
    if (!line) return;
    try {
      const Request request = parse_request(*line);
      client.answer(answer(collector.collect(stop), request));
    } catch (const std::invalid_argument& error) {
      client.refuse(error.what());
    } catch (const std::exception& error) {  // no memory
      client.refuse(std::string("no dump could be made: ") + error.what());
    }
  }

  void print() {
    eventfd_t count = 0;
    ::eventfd_read(dump_signal, &count);
    spare.give();
    try {
      write_to_stderr(answer(collector.collect(stop), Request()));
    } catch (const std::exception&) {
      // No memory: there is nobody to tell.
    }
    spare.take();
  }

  /// For five seconds at most, and not beyond this server's end: it may be a pipe that nobody reads. One that
  /// is writable takes so much without blocking.
  void write_to_stderr(std::string_view text) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!text.empty()) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd fds[2] = {{STDERR_FILENO, POLLOUT, 0}, {stop, POLLIN, 0}};
      if (left.count() <= 0 || ::poll(fds, 2, static_cast<int>(left.count())) <= 0 || fds[1].revents != 0)
        return;
      const ssize_t written =
          ::write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
      if (written < 0) return;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  int listener;
  int stop;
  int dump_signal;
  Spare spare;
  std::string directory;
  Collector collector;
};

DebugServer::DebugServer(const ServerOptions& options)
    : pid_(::getpid()), path_(options.directory + "/" + std::to_string(::getpid()) + ".sock") {
  make_socket_directory(options.directory);
  listener_ = listen_at(path_);
  stop_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  signal_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct stat its{};
  if (::lstat(path_.c_str(), &its) == 0) inode_ = its.st_ino;
  state_ = std::make_unique<Thread>(listener_, stop_, signal_, options);
  // Signals of the process are for its own threads.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::make_unique<std::thread>([state = state_.get()] { state->run(); });
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    close_all();
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  inherited_listener.store(listener_);
  struct sigaction now{};
  if (options.dump_signal == 0 || ::sigaction(options.dump_signal, nullptr, &now) != 0) return;
  if (now.sa_handler != SIG_DFL) return;
  signal_target.store(signal_);
  struct sigaction ours{};
  ours.sa_handler = &on_dump_signal;
  ours.sa_flags = SA_RESTART;
  if (::sigaction(options.dump_signal, &ours, nullptr) == 0) dump_signal_ = options.dump_signal;
}

bool DebugServer::is_ours() const noexcept {
  return ::getpid() == pid_;
}

DebugServer::~DebugServer() {
  if (is_ours()) {
    if (dump_signal_ != 0) ::signal(dump_signal_, SIG_DFL);
    signal_target.store(-1);
    ::eventfd_write(stop_, 1);
    thread_->join();
    inherited_listener.store(-1);
    close_all();
  } else {  // the thread is not here, and the listener was closed by the fork
    state_->spare.give();
    (void)thread_.release();  // NOLINT(bugprone-unused-return-value)
    (void)state_.release();   // NOLINT(bugprone-unused-return-value)
    ::close(stop_);
    ::close(signal_);
  }
}

void DebugServer::close_all() noexcept {
  struct stat its{};
  // Another one of this process may have begun already, at the same path.
  if (::lstat(path_.c_str(), &its) == 0 && its.st_ino == inode_) ::unlink(path_.c_str());
  for (const int fd : {listener_, stop_, signal_}) ::close(fd);
}

namespace {

// Of the process, and for as long as it lives: a fork() may come at any time.
std::recursive_mutex& process_mutex() {
  static auto& mutex = *new std::recursive_mutex;
  return mutex;
}
std::weak_ptr<DebugServer>& process_server() {
  static auto& server = *new std::weak_ptr<DebugServer>;
  return server;
}

void before_fork() {
  process_mutex().lock();
}
void after_fork() {
  process_mutex().unlock();
}
/// A child serves nobody until it runs a loop of its own, and must not keep its parent's socket open.
void after_fork_in_child() {
  // Not unlocked: its owner is a thread whose number the child's has no more.
  new (&process_mutex()) std::recursive_mutex;
  if (const int fd = inherited_listener.exchange(-1); fd >= 0) ::close(fd);
  signal_target.store(-1);
}

}  // namespace

std::shared_ptr<DebugServer> serve_this_process(bool native_stacks, int dump_signal) noexcept try {
  const char* const wanted = std::getenv("COTERIE_DEBUG_SOCKET");
  if (wanted != nullptr && std::strcmp(wanted, "0") == 0) return nullptr;
  const char* const stacks = std::getenv("COTERIE_NATIVE_STACKS");
  static const int prepared = ::pthread_atfork(before_fork, after_fork, after_fork_in_child);
  (void)prepared;
  const std::lock_guard lock(process_mutex());
  std::shared_ptr<DebugServer> server = process_server().lock();
  if (server != nullptr && server->is_ours()) return server;
  ServerOptions options;
  options.directory = make_a_socket_directory();
  options.native_stacks = native_stacks && (stacks == nullptr || std::strcmp(stacks, "0") != 0);
  options.dump_signal = dump_signal;
  server = std::shared_ptr<DebugServer>(new DebugServer(options), [](DebugServer* last) {
    const std::lock_guard ending(process_mutex());
    delete last;
  });
  process_server() = server;
  return server;
} catch (const std::exception&) {
  return nullptr;
}

}  // namespace coterie::debug
