// The native stack of a thread that is interrupted for it.
#include "src/debug/native_stack.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "support/runtime.hpp"
#include "tests/debug/eyes_support.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Task<void> stands(Block& block) {
  block.stand_here();
  co_return;
}

/// AddressSanitizer gives each thread another stack, and takes frames for gone when a handler runs on it.
TEST(ThreadsNativeStack, IsTakenOnTheThreadsOwnStack) {
  std::vector<char> other(std::size_t{64} << 10);
  Block block;
  RuntimeOptions options;
  options.loops = 1;
  options.debug_socket = false;
  Runtime runtime(options);
  const Eyes eyes;
  const auto stands_with = [](Block& at, std::vector<char>& its) -> Task<void> {
    stack_t before{};
    stack_t stack{};
    stack.ss_sp = its.data();
    stack.ss_size = its.size();
    ::sigaltstack(&stack, &before);
    at.stand_here();
    ::sigaltstack(&before, nullptr);
    co_return;
  };
  auto stuck = spawn_on(runtime.loop(0), stands_with, std::ref(block), std::ref(other));
  block.wait_until_it_stands();
  EXPECT_THAT(say(eyes.server.path(), "dump\n"), HasSubstr("native stack:\n"));
  block.let_go();
  stuck.get();
  EXPECT_TRUE(std::all_of(other.begin(), other.end(), [](char byte) { return byte == 0; }));
}

TEST(ThreadsNativeStack, IsNotTakenWhereItIsOff) {
  std::string why;
  EXPECT_TRUE(debug::NativeStacks(false).of_thread(::gettid(), why).empty());
  EXPECT_EQ(why, "native stacks are off");
  const Folder folder;
  ::setenv("XDG_RUNTIME_DIR", folder.path.c_str(), 1);
  ::setenv("COTERIE_NATIVE_STACKS", "0", 1);
  {
    Block block;
    RuntimeOptions options;
    options.loops = 1;
    Runtime runtime(options);
    auto stuck = spawn_on(runtime.loop(0), stands, std::ref(block));
    block.wait_until_it_stands();
    const std::string text = say(folder.path + "/coterie/" + std::to_string(::getpid()) + ".sock", "dump\n");
    block.let_go();
    stuck.get();
    EXPECT_THAT(text, AllOf(HasSubstr("UNSYNCHRONISED"), HasSubstr("; native stacks are off\n"),
                            Not(HasSubstr("native stack:"))));
  }
  ::unsetenv("COTERIE_NATIVE_STACKS");
  ::unsetenv("XDG_RUNTIME_DIR");
}

TEST(ThreadsNativeStack, ASignalThatSomebodyUsesStaysTheirs) {
  const debug::NativeStacks stacks(true);
  static std::atomic<int> theirs{0};
  const auto before = ::signal(SIGRTMAX - 4, [](int) { theirs.fetch_add(1); });
  std::string why;
  EXPECT_TRUE(stacks.of_thread(::gettid(), why).empty());
  EXPECT_THAT(why, HasSubstr("is used by something else"));
  ::raise(SIGRTMAX - 4);
  EXPECT_EQ(theirs.load(), 1);
  ::signal(SIGRTMAX - 4, before);
}

/// A thread that takes no signals until it is let go.
class Deaf {
 public:
  Deaf() : thread_([this] { live(); }) { id_.wait(0); }
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;
  ~Deaf() {
    hear();
    thread_.join();
  }
  [[nodiscard]] pid_t id() const { return id_.load(); }
  /// It takes what has come meanwhile, and ends.
  void hear() {
    hears_.store(true);
    hears_.notify_all();
  }
  void wait_until_it_has_heard() const { has_heard_.wait(false); }
  /// Whether a signal has come that it has not taken.
  [[nodiscard]] bool is_signalled() const {
    std::ifstream status("/proc/self/task/" + std::to_string(id()) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("SigPnd:")) return line.find_first_of("123456789abcdef", 7) != std::string::npos;
    return false;
  }

 private:
  void live() {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    id_.store(::gettid());
    id_.notify_all();
    hears_.wait(false);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    has_heard_.store(true);
    has_heard_.notify_all();
  }

  std::atomic<pid_t> id_{0};
  std::atomic<bool> hears_{false};
  std::atomic<bool> has_heard_{false};
  std::thread thread_;
};

TEST(ThreadsNativeStack, OfAThreadThatAnswersLateIsNotTakenForThatOfAnother) {
  const debug::NativeStacks stacks(true);
  std::string why;
  Deaf late;
  EXPECT_TRUE(stacks.of_thread(late.id(), why).empty());
  EXPECT_EQ(why, "no native stack: its thread does not take signals");
  Deaf other;
  std::atomic<bool> over{false};
  std::thread helper([&] {
    while (!other.is_signalled() && !over.load()) std::this_thread::yield();
    late.hear();
  });
  EXPECT_THAT(stacks.of_thread(other.id(), why), ::testing::IsEmpty()) << "it was not asked yet";
  over.store(true);
  helper.join();
  late.wait_until_it_has_heard();
  EXPECT_EQ(why, "no native stack: its thread does not take signals");
}

}  // namespace
}  // namespace coterie
