// The debug socket: who asks gets an answer, also while the loops are blocked; who must not, gets none.
#include "src/debug/server.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/runtime.hpp"
#include "tests/debug/eyes_support.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

RuntimeOptions loops(std::size_t count) {
  RuntimeOptions options;
  options.loops = count;
  options.debug_socket = false;  // each test has its own
  return options;
}

TEST(ThreadsDebugSocket, AnswersForEveryLoop) {
  Begun begun;
  Runtime runtime(loops(2));
  const Eyes eyes;
  auto one = spawn_on(runtime.loop(0), named("first sleeper"), sleeps, std::ref(begun));
  auto two = spawn_on(runtime.loop(1), named("second sleeper"), sleeps, std::ref(begun));
  begun.wait_for(2);
  const std::string text = say(eyes.server.path(), "dump\n");
  EXPECT_THAT(text,
              AllOf(StartsWith("ok "), HasSubstr("coterie dump v1  pid "), HasSubstr("loops 2  tasks 2 (")));
  EXPECT_THAT(text, AllOf(HasSubstr("\nloop 1  thread "), HasSubstr("first sleeper  pending"),
                          HasSubstr("\nloop 2  thread "), HasSubstr("second sleeper  pending")));
  EXPECT_THAT(say(eyes.server.path(), "ps\n"), AllOf(HasSubstr("task name"), HasSubstr("second sleeper")));
  EXPECT_THAT(say(eyes.server.path(), "tree\n"), HasSubstr("(T) second sleeper"));
  EXPECT_THAT(say(eyes.server.path(), "dump name=second\n"), Not(HasSubstr("first sleeper")));
  EXPECT_THAT(say(eyes.server.path(), "dump json\n"), HasSubstr("\"name\":\"first sleeper\""));
  EXPECT_THAT(say(eyes.server.path(), "info\n"), HasSubstr("\"loops\":2,\"tasks\":2,"));
  EXPECT_THAT(say(eyes.server.path(), "hello\n"), StartsWith("error 'hello' is unknown"));
}

TEST(ThreadsDebugSocket, ABlockedLoopIsReadUnsynchronisedWithItsNativeStack) {
  Block block;
  Begun begun;
  Runtime runtime(loops(2));
  const Eyes eyes;
  auto idle = spawn_on(runtime.loop(0), named("idle"), sleeps, std::ref(begun));
  begun.wait_for(1);
  auto stuck = spawn_on(
      runtime.loop(1), named("stuck"),
      [](Block& at) -> Task<void> {
        co_await yield();
        at.stand_here();
      },
      std::ref(block));
  block.wait_until_it_stands();
  const auto begin = std::chrono::steady_clock::now();
  const std::string text = say(eyes.server.path(), "dump\n");
  const auto took = std::chrono::steady_clock::now() - begin;
  block.let_go();
  EXPECT_THAT(text, HasSubstr("UNSYNCHRONISED  it has not answered for 200 ms\nnative stack:\n   at "));
  EXPECT_THAT(text, AllOf(HasSubstr("stand_here() "), HasSubstr("stuck  running"), HasSubstr("<- runs now")));
  EXPECT_THAT(text, HasSubstr("idle  pending  waits for a timer"));
  if (!sanitized) {
    EXPECT_LT(took, 1s);
  }
  stuck.get();
}

TEST(ThreadsDebugSocket, IsForThisUserAlone) {
  const Eyes eyes;
  struct stat its{};
  ASSERT_EQ(::stat(eyes.server.path().c_str(), &its), 0);
  EXPECT_EQ(its.st_mode & 0777U, 0600U);
  ::chmod(eyes.folder.path.c_str(), 0755);
  EXPECT_FALSE(debug::is_private_directory(eyes.folder.path));
  EXPECT_TRUE(debug::sockets_in(eyes.folder.path).empty()) << "what others can write to is not believed";
  EXPECT_THROW(debug::make_socket_directory(eyes.folder.path), std::runtime_error);
  if (::geteuid() != 0) return;  // only root can be somebody else
  ::chmod(eyes.server.path().c_str(), 0666);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    eyes.server.path().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(3);
    (void)::send(fd, "dump\n", 5, MSG_NOSIGNAL);
    char answer[64] = "";
    const ssize_t got = ::recv(fd, answer, sizeof answer - 1, MSG_WAITALL);
    ::_exit(got > 0 && std::string_view(answer).starts_with("error this process answers its own user only")
                ? 0
                : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(ThreadsDebugSocket, WhoIsSilentOrSaysTooMuchIsDropped) {
  const Eyes eyes;
  EXPECT_THAT(say(eyes.server.path(), std::string(8000, 'x')),
              StartsWith("error a request has at most 4096 bytes"));
  EXPECT_EQ(say(eyes.server.path(), "dump without an end"), "") << "a second later";
  EXPECT_THAT(say(eyes.server.path(), "info\n"), StartsWith("ok ")) << "and the next is served";
}

TEST(ThreadsDebugSocket, EndsWithItsServerAlsoWhileAClientIsSilent) {
  auto eyes = std::make_unique<Eyes>();
  const std::string path = eyes->server.path();
  const int fd = debug::connect_to(path);
  ASSERT_GE(fd, 0);
  const auto begin = std::chrono::steady_clock::now();
  eyes.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s) << "its second had not passed";
  ::close(fd);
  EXPECT_EQ(say(path, "info\n"), "refused");
}

/// As a killed process leaves it.
void leave_socket(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
}

TEST(ThreadsDebugSocket, WhatAKilledProcessLeftIsRemoved) {
  const Eyes eyes;
  const std::string stale = eyes.folder.path + "/1.sock";
  EXPECT_THAT(say(eyes.server.path(), "info\n"), StartsWith("ok ")) << "it has looked round";
  leave_socket(stale);
  EXPECT_EQ(debug::sockets_in(eyes.folder.path).size(), 2U);
  EXPECT_EQ(say(stale, "info\n"), "refused");
  EXPECT_EQ(debug::sockets_in(eyes.folder.path).size(), 1U);
  const Folder folder;
  leave_socket(folder.path + "/1.sock");
  const debug::DebugServer next(Eyes::options(folder.path, 0));
  EXPECT_THAT(say(next.path(), "info\n"), StartsWith("ok "));
  EXPECT_EQ(debug::sockets_in(folder.path).size(), 1U) << "nor does it stay where another process begins";
}

TEST(ThreadsDebugSocket, AChildDoesNotServeForItsParent) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t child = 0;
  std::string path;
  {
    const Folder folder;
    ::setenv("XDG_RUNTIME_DIR", folder.path.c_str(), 1);
    const std::shared_ptr<debug::DebugServer> server = debug::serve_this_process(true, 0);
    ASSERT_NE(server, nullptr);
    EXPECT_EQ(debug::serve_this_process(true, 0), server) << "one for the process";
    path = server->path();
    child = ::fork();
    if (child == 0) {
      // It lives on, and has the parent's descriptors but the listener.
      char byte = 0;
      ::close(ready[1]);
      (void)!::read(ready[0], &byte, 1);
      ::_exit(0);
    }
    ::close(ready[0]);
    EXPECT_THAT(say(path, "info\n"), HasSubstr("\"pid\":" + std::to_string(::getpid()) + ","));
    ASSERT_EQ(::rename(path.c_str(), (path + ".kept").c_str()), 0);
  }
  // The parent's listener is closed; were it open in the child, this would connect, and hang.
  EXPECT_EQ(say(path + ".kept", "info\n"), "refused");
  ::close(ready[1]);
  ::waitpid(child, nullptr, 0);
  ::unsetenv("XDG_RUNTIME_DIR");
}

/// Descriptors of this process that the server may have set aside.
std::ptrdiff_t set_aside() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::count_if(begin(all), end(all), [](const auto& fd) {
    std::error_code gone;
    return std::filesystem::read_symlink(fd, gone) == "/dev/null";
  });
}

TEST(ThreadsDebugSocket, AProgramThatHasNoDescriptorLeftCanBeLookedAt) {
  Begun begun;
  Runtime runtime(loops(1));
  const std::ptrdiff_t others = set_aside();
  const Eyes eyes;
  auto task = spawn_on(runtime.loop(0), named("leaks"), sleeps, std::ref(begun));
  begun.wait_for(1);
  EXPECT_THAT(say(eyes.server.path(), "info\n"), StartsWith("ok ")) << "its thread runs";
  while (set_aside() < others + 2) std::this_thread::yield();  // again, after that answer
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 256;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<int> leaked;
  for (int fd = ::dup(client); fd >= 0; fd = ::dup(client)) leaked.push_back(fd);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  eyes.server.path().copy(address.sun_path, sizeof address.sun_path - 1);
  std::string text;
  char piece[4096];
  if (::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::send(client, "dump\n", 5, MSG_NOSIGNAL) == 5) {
    const timeval patience{20, 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (ssize_t got = 0; (got = ::recv(client, piece, sizeof piece, 0)) > 0;)
      text.append(piece, static_cast<std::size_t>(got));
  }
  EXPECT_FALSE(leaked.empty());
  for (const int fd : leaked) ::close(fd);
  ::close(client);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(text, AllOf(StartsWith("ok "), HasSubstr("leaks  pending  waits for a timer")));
}

/// From now on this thread, and those that it begins, are refused process_vm_readv(2).
bool forbid_reading_memory() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(rules), rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(ThreadsDebugSocket, ABlockedLoopThatCannotBeReadIsShownAndWhy) {
  const Folder folder;
  const std::string said = folder.path + "/said";
  const pid_t child = ::fork();
  if (child == 0) {
    if (!forbid_reading_memory()) ::_exit(77);
    {
      Block block;
      Runtime runtime(loops(1));
      const Eyes eyes;
      const auto stands = [](Block& at) -> Task<void> {
        at.stand_here();
        co_return;
      };
      auto stuck = spawn_on(runtime.loop(0), stands, std::ref(block));
      block.wait_until_it_stands();
      std::ofstream(said) << say(eyes.server.path(), "dump\n");
      block.let_go();
      stuck.get();
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no seccomp here";
  std::ifstream file(said);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text,
              AllOf(HasSubstr("loops 1  tasks 0"), HasSubstr("UNSYNCHRONISED  its tasks cannot be read: "
                                                             "process_vm_readv: Operation not permitted")));
  EXPECT_THAT(text, HasSubstr("native stack:\n")) << "which needs no memory of others";
}

TEST(ThreadsDebugSocket, IsOffWhereTheEnvironmentSaysSo) {
  ::setenv("COTERIE_DEBUG_SOCKET", "0", 1);
  EXPECT_EQ(debug::serve_this_process(true, 0), nullptr);
  ::unsetenv("COTERIE_DEBUG_SOCKET");
}

TEST(ThreadsDebugSocket, StandsElsewhereWhereTheFirstFolderIsNotToBeHad) {
  const Folder folder;
  ::setenv("XDG_RUNTIME_DIR", (folder.path + "/of a session that is over").c_str(), 1);
  ::setenv("TMPDIR", folder.path.c_str(), 1);
  {
    const auto server = debug::serve_this_process(true, 0);
    ASSERT_NE(server, nullptr);
    EXPECT_THAT(server->path(), StartsWith(folder.path + "/coterie-"));
  }
  ::unsetenv("XDG_RUNTIME_DIR");
  ::unsetenv("TMPDIR");
}

TEST(ThreadsDebugSocket, IsThereWhileAProgramRuns) {
  const Folder folder;
  ::setenv("XDG_RUNTIME_DIR", folder.path.c_str(), 1);
  const std::string path = folder.path + "/coterie/" + std::to_string(::getpid()) + ".sock";
  const auto ask = [](std::string at) { return say(at, "info\n"); };
  std::string seen;
  const auto main = [&]() -> Task<void> { seen = co_await to_thread(ask, path); };
  coterie::run(main());
  EXPECT_THAT(seen, HasSubstr("\"loops\":1,\"tasks\":1,"));
  EXPECT_EQ(say(path, "info\n"), "refused");
  RunOptions off;
  off.debug_socket = false;
  coterie::run(main(), off);
  EXPECT_EQ(seen, "refused");
  ::unsetenv("XDG_RUNTIME_DIR");
}

TEST(ThreadsDebugSocket, ASignalPrintsADump) {
  const Folder folder;
  Begun begun;
  Runtime runtime(loops(1));
  auto task = spawn_on(runtime.loop(0), named("asleep"), sleeps, std::ref(begun));
  begun.wait_for(1);
  const std::string output = folder.path + "/stderr";
  const int kept = ::dup(STDERR_FILENO);
  const int file = ::open(output.c_str(), O_CREAT | O_WRONLY, 0600);
  ::dup2(file, STDERR_FILENO);
  {
    const Eyes eyes(SIGUSR1);
    ::raise(SIGUSR1);
    // The answer to the second question comes after it.
    EXPECT_THAT(say(eyes.server.path(), "info\n"), StartsWith("ok "));
    EXPECT_THAT(say(eyes.server.path(), "info\n"), StartsWith("ok "));
  }
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(file);
  std::ifstream written(output);
  const std::string text((std::istreambuf_iterator<char>(written)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, AllOf(HasSubstr("coterie dump v1"), HasSubstr("asleep  pending  waits for a timer")));
}

TEST(ThreadsDebugSocket, ADumpSignalThatSomebodyHandlesStaysTheirs) {
  static std::atomic<int> theirs{0};
  ::signal(SIGUSR1, [](int) { theirs.fetch_add(1); });
  {
    const Eyes eyes(SIGUSR1);
    ::raise(SIGUSR1);
  }
  ::raise(SIGUSR1);
  ::signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(theirs.load(), 2);
}

TEST(ThreadsDebugSocket, AnOutputThatNobodyReadsHoldsUpNobody) {
  Begun begun;
  Runtime runtime(loops(1));
  constexpr int many = 100;  // more than a page of text
  std::vector<RemoteHandle<void>> tasks;
  for (int i = 0; i < many; ++i)
    tasks.push_back(spawn_on(runtime.loop(0), named("one of many"), sleeps, std::ref(begun)));
  begun.wait_for(many);
  int unread[2];
  ASSERT_EQ(::pipe2(unread, O_NONBLOCK), 0);
  std::string page(4096, 'x');
  while (::write(unread[1], page.data(), page.size()) > 0) {
  }
  ASSERT_EQ(::read(unread[0], page.data(), page.size()), 4096);  // room for the beginning
  const auto holds = [&] {
    int bytes = 0;
    ::ioctl(unread[0], FIONREAD, &bytes);
    return bytes;
  };
  const int before = holds();
  ::fcntl(unread[1], F_SETFL, 0);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(unread[1], STDERR_FILENO);
  {
    const Eyes eyes(SIGUSR1);
    ::raise(SIGUSR1);
    while (holds() == before) std::this_thread::yield();
    // Now it stands at the rest of it. The end of the server waits for its thread.
  }
  ::dup2(kept, STDERR_FILENO);
  for (const int fd : {kept, unread[0], unread[1]}) ::close(fd);
}

}  // namespace
}  // namespace coterie
