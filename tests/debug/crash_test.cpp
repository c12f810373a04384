// What a crash says of the task in which it happened. In children: they die.
#include "coterie/debug/crash.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "support/runtime.hpp"
#include "tests/debug/eyes_support.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;

Task<void> inner(void (*end)()) {
  co_await yield();
  end();
}

void fail() {
  throw std::runtime_error("too much");
}

Task<void> outer(void (*end)()) {
  co_await inner(end);
}

/// Runs `dies` in a child process; gives what that wrote to stderr, and by which signal it died.
template <class Dies>
std::string words_of_a_child(Dies dies, int& signo) {
  const Folder folder;
  const std::string output = folder.path + "/stderr";
  const pid_t child = ::fork();
  if (child == 0) {
    if (std::freopen(output.c_str(), "w", stderr) == nullptr) ::_exit(2);
    std::setvbuf(stderr, nullptr, _IONBF, 0);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    for (const int one : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(one, SIG_DFL);  // a sanitizer's
    dies();
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  std::ifstream file(output);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

/// The same of `end`, in a named task.
std::string last_words(void (*end)(), int& signo) {
  const auto crashes = [end] {
    debug::report_crashes();
    test::run([end]() -> Task<void> {
      co_await spawn(named("doomed\x1b[2J \xC2\x9B"
                           "31m \xE2\x80\xAE 报表 \xFF"),
                     outer, end);
    });
  };
  return words_of_a_child(crashes, signo);
}

TEST(Crash, NamesTheTaskAndItsCoroutinesAndDiesOfTheSameSignal) {
  int signo = 0;
  const std::string words = last_words([] { ::raise(SIGSEGV); }, signo);
  EXPECT_EQ(signo, SIGSEGV);
  EXPECT_THAT(words, AllOf(HasSubstr("coterie: SIGSEGV in task #"),
                           HasSubstr(" 'doomed?[2J ?31m ? 报表 ?'\n   at coterie::"),
                           HasSubstr("inner() crash_test.cpp:"), HasSubstr("outer() crash_test.cpp:")));
  EXPECT_LT(words.find("inner()"), words.find("outer()"));
}

/// Nobody ends it, which no compiler can know. In great steps: ThreadSanitizer has room for so many calls
/// only.
[[gnu::noinline]] int overflow(const volatile char* before) {  // NOLINT(misc-no-recursion)
  volatile char room[4096];
  room[0] = *before;
  return room[0] != 0 ? 0 : overflow(room) + room[0];
}

Task<void> recurses() {
  co_await yield();
  const volatile char zero = 0;
  (void)overflow(&zero);
}

TEST(Crash, AStackThatHasOverflowedIsOneOnEveryThreadOfARuntime) {
  int signo = 0;
  const auto on_main = [] {
    const rlimit limited{rlim_t{8} << 20, rlim_t{8} << 20};
    ::setrlimit(RLIMIT_STACK, &limited);
    debug::report_crashes();
    test::run([]() -> Task<void> { co_await recurses(); });
  };
  EXPECT_THAT(words_of_a_child(on_main, signo), HasSubstr("recurses() crash_test.cpp:"));
  EXPECT_EQ(signo, SIGSEGV);
  const auto elsewhere = [] {
    debug::report_crashes();
    RuntimeOptions options;
    options.loops = 1;
    options.stack_bytes = std::size_t{256} << 10;
    options.debug_socket = false;
    Runtime runtime(options);
    spawn_on(runtime.loop(0), recurses).get();
  };
  EXPECT_THAT(words_of_a_child(elsewhere, signo),
              AllOf(HasSubstr("coterie: SIGSEGV in task #"), HasSubstr("recurses() crash_test.cpp:")));
  EXPECT_EQ(signo, SIGSEGV);
}

TEST(Crash, OutsideOfATaskItSaysSo) {
  int signo = 0;
  const auto crashes = [] {
    debug::report_crashes();
    test::run([]() -> Task<void> {
      EventLoop::current().call_soon([] { ::raise(SIGSEGV); });
      co_await yield();
      co_await yield();
    });
  };
  EXPECT_EQ(words_of_a_child(crashes, signo), "coterie: SIGSEGV outside of any task\n");
  EXPECT_EQ(signo, SIGSEGV);
}

TEST(Crash, AnAbortIsOneAndSoIsAnExceptionThatNobodyMayCatch) {
  int signo = 0;
  EXPECT_THAT(last_words([] { std::abort(); }, signo), HasSubstr("coterie: SIGABRT in task #"));
  EXPECT_EQ(signo, SIGABRT);
  EXPECT_THAT(
      last_words([]() noexcept { fail(); }, signo),
      AllOf(HasSubstr("too much"), HasSubstr("coterie: SIGABRT in task #"), HasSubstr("inner() crash_test")));
  EXPECT_EQ(signo, SIGABRT);
}

Task<void> awaits_one_that_fails() {
  const auto fails = []() -> Task<void> {
    co_await yield();
    fail();
  };
  co_await spawn(named("culprit\x1b"), fails);
}

TEST(Crash, AnExceptionThatLeavesRunAndIsNotCaughtIsShownWithTheTaskThatThrewIt) {
  int signo = 0;
  const auto lets_out = []() noexcept { coterie::run(awaits_one_that_fails()); };
  const std::string words = words_of_a_child(lets_out, signo);
  EXPECT_EQ(signo, SIGABRT);
  EXPECT_THAT(words, AllOf(HasSubstr("coterie: uncaught exception: too much\n   in task #"),
                           HasSubstr(" 'culprit\\x1b'\n   at coterie::"), HasSubstr("() crash_test.cpp:"),
                           HasSubstr("std::runtime_error")))
      << "and what the C++ library says";
}

TEST(Crash, ASignalThatSomebodyHandlesStaysTheirs) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int one : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(one, SIG_DFL);
    ::signal(SIGFPE, [](int) { ::_exit(42); });
    debug::report_crashes();
    ::raise(SIGFPE);
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

}  // namespace
}  // namespace coterie
