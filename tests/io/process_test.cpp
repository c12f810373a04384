// Processes: how they start, end, speak, and what is left of them.

#include "coterie/io/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include "coterie/spawn.hpp"
#include "io/support.hpp"

namespace coterie::io_test {
namespace {

using namespace std::chrono_literals;
using io::ExitStatus;
using io::Process;
using io::ProcessOptions;
using io::Stdio;

ProcessOptions command(std::string line, Stdio out = Stdio::pipe, Stdio err = Stdio::merge) {
  ProcessOptions options({"/bin/sh", "-c", std::move(line)});
  options.out = out;
  options.err = err;
  return options;
}

bool no_children_left() {
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

Task<ExitStatus> run_and_wait(std::string line) {
  Process process(command(std::move(line), Stdio::null));
  co_return co_await process.wait();
}

TEST(Process, GivesItsExitCodeOrItsSignal) {
  EXPECT_EQ(run(run_and_wait("exit 3")), ExitStatus(ExitStatus::Kind::exited, 3));
  EXPECT_EQ(run(run_and_wait("exit 3")).str(), "exit code 3");
  const ExitStatus killed = run(run_and_wait("kill -KILL $$"));
  EXPECT_EQ(killed.signal(), SIGKILL);
  EXPECT_EQ(killed.code(), 137);
  EXPECT_EQ(killed.str(), "killed by SIGKILL");
  EXPECT_TRUE(run(run_and_wait("true")).success());
  EXPECT_TRUE(no_children_left());
}

std::string start_error(ProcessOptions options) {
  const auto start = [](ProcessOptions given) -> Task<std::string> {
    try {
      Process process(given);
      co_return "it runs";
    } catch (const std::exception& error) {
      co_return error.what();
    }
  };
  return run(start(std::move(options)));
}

TEST(Process, SaysWhyItCannotStart) {
  EXPECT_EQ(start_error(ProcessOptions({"no-such-program"})),
            "cannot run 'no-such-program': No such file or directory");
  EXPECT_EQ(start_error(ProcessOptions({"/etc/passwd"})), "cannot run '/etc/passwd': Permission denied");
  ProcessOptions elsewhere({"true"});
  elsewhere.cwd = "/no/such/place";
  EXPECT_EQ(start_error(elsewhere),
            "cannot run 'true' in the directory '/no/such/place': No such file or directory");
  EXPECT_EQ(start_error(ProcessOptions()), "cannot run a process without a program: argv is empty");
  EXPECT_TRUE(no_children_left());
}

Task<std::string> output_of(ProcessOptions options, std::size_t limit = 1 << 20) {
  Process process(options);
  std::string text = co_await process.read_output(limit);
  co_await process.wait();
  co_return text;
}

TEST(Process, ReadsStdoutAndStderr) {
  EXPECT_EQ(run(output_of(command("echo out; echo err >&2"))), "out\nerr\n");
  const std::string both = run(output_of(command("echo out; echo err >&2", Stdio::pipe, Stdio::pipe)));
  EXPECT_EQ(both.size(), 8U);
}

TEST(Process, KeepsTheLastBytesOfALongOutput) {
  // Several times what a pipe holds, and an end that is known.
  const std::string text =
      run(output_of(command("head -c 1000000 /dev/zero | tr '\\0' x; echo the end"), 1000));
  EXPECT_EQ(text.size(), 1000U);
  EXPECT_EQ(text.substr(991),
            "x"
            "the end\n");
  EXPECT_EQ(run(output_of(command("echo hello"), 0)), "");
}

TEST(Process, TakesDirectoryAndEnvironment) {
  ProcessOptions options = command("pwd; echo $A $HOME");
  options.cwd = "/usr";
  options.env = {"A=b", "HOME=/nowhere"};
  EXPECT_EQ(run(output_of(options)), "/usr\nb /nowhere\n");
  ProcessOptions bare({"/usr/bin/env"});
  bare.out = Stdio::pipe;
  bare.env = {"ONLY=this"};
  bare.clear_env = true;
  EXPECT_EQ(run(output_of(bare)), "ONLY=this\n");
}

Task<std::string> through_cat(std::string text) {
  ProcessOptions options({"cat"});
  options.in = options.out = Stdio::pipe;
  Process process(options);
  const auto feed = [](Process& cat, std::string bytes) -> Task<void> {
    co_await cat.in().write_all(bytes);
    cat.in().close();
  };
  auto feeder = spawn(feed, std::ref(process), text);
  std::string got = co_await process.read_output(text.size() + 1);
  co_await feeder;
  co_return got;
}

TEST(Process, IsFedWhileItIsRead) {
  const std::string text(300'000, 'y');
  EXPECT_EQ(run(through_cat(text)), text);
}

TEST(Process, InheritsNoDescriptorsAndNoSignalState) {
  const int leak = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  ::signal(SIGPIPE, SIG_IGN);
  const std::string text =
      run(output_of(command("ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status")));
  ::signal(SIGPIPE, SIG_DFL);
  ::close(leak);
  // 0, 1, 2, and the one that ls reads the directory by.
  EXPECT_EQ(text.substr(0, 2), "4\n") << text;
  EXPECT_NE(text.find("SigBlk:\t0000000000000000"), std::string::npos) << text;
  EXPECT_EQ(text.find("SigIgn:\t0000000000001000"), std::string::npos) << text;
}

Task<void> end_though_a_grandchild_holds_the_pipe(pid_t& grandchild, std::string& text) {
  Process process(command("sleep 1000 & echo $!"));
  text = co_await process.read_output(1000);
  grandchild = std::stoi(text);
  EXPECT_TRUE(process.status().has_value());
}

TEST(Process, OutputEndsWithTheProcessThoughAGrandchildHoldsThePipe) {
  pid_t grandchild = 0;
  std::string text;
  run(end_though_a_grandchild_holds_the_pipe(grandchild, text));
  EXPECT_TRUE(alive(grandchild)) << "it was left behind on purpose";
  ::kill(grandchild, SIGKILL);
}

Task<int> several_wait() {
  ProcessOptions options({"cat"});
  options.in = Stdio::pipe;
  Process process(options);
  const auto wait = [](Process& cat) -> Task<int> {
    ExitStatus status = co_await cat.wait();
    co_return status.code();
  };
  std::vector<JoinHandle<int>> waiters;
  waiters.reserve(4);
  for (int i = 0; i < 4; ++i) waiters.push_back(spawn(wait, std::ref(process)));
  co_await yield();
  waiters[0].cancel();
  co_await waiters[0].wait();
  EXPECT_TRUE(waiters[0].cancelled());
  process.in().close();
  int sum = 0;
  for (std::size_t i = 1; i < waiters.size(); ++i) sum += 1 + co_await waiters[i];
  co_return sum;
}

TEST(Process, SeveralTasksMayWaitAndOneBeCancelled) {
  EXPECT_EQ(run(several_wait()), 3);
}

Task<pid_t> drop_one() {
  Process process(command("sleep 1000 & echo $!; wait"));
  std::byte buffer[32];
  const std::size_t got = co_await process.out().read_some(buffer);
  co_return std::stoi(std::string(reinterpret_cast<const char*>(buffer), got));
}

TEST(Process, DroppingItKillsTheGroupAndReaps) {
  const pid_t grandchild = run(drop_one());
  EXPECT_TRUE(no_children_left());
  run(until([grandchild] { return !alive(grandchild); }));
}

Task<ExitStatus> stop_one(std::string line, Duration grace) {
  Process process(command(std::move(line)));
  std::byte buffer[32];
  (void)co_await process.out().read_some(buffer);  // it is ready
  co_return co_await process.stop(grace);
}

TEST(Process, StopIsSigtermAndAfterTheGraceSigkill) {
  EXPECT_EQ(run(stop_one("trap 'exit 9' TERM; echo; while :; do sleep 0.01; done", 1min)).code(), 9);
  EXPECT_EQ(run(stop_one("trap '' TERM; echo; while :; do sleep 0.01; done", 20ms)).signal(), SIGKILL);
  EXPECT_TRUE(no_children_left());
}

Task<int> one_of_many(int number) {
  io::ShellResult result = co_await io::run_shell("exit " + std::to_string(number % 100));
  co_return result.status.code();
}

Task<int> many_at_once() {
  std::vector<JoinHandle<int>> all;
  all.reserve(200);
  for (int i = 0; i < 200; ++i) all.push_back(spawn(one_of_many, i));
  int wrong = 0;
  for (int i = 0; i < 200; ++i) {
    const int code = co_await all[static_cast<std::size_t>(i)];
    wrong += code == i % 100 ? 0 : 1;
  }
  co_return wrong;
}

TEST(Process, TwoHundredAtOnce) {
  EXPECT_EQ(run(many_at_once()), 0);
  EXPECT_TRUE(no_children_left());
}

TEST(Process, DiesWithItsParent) {
  const TempFile file;
  const pid_t parent = ::fork();
  if (parent == 0) {
    const auto main = [](std::string path) -> Task<int> {
      Process process(command("echo $$ > " + path + "; exec sleep 1000", Stdio::null, Stdio::null));
      co_await sleep(1h);
      co_return 0;
    };
    ::_exit(run(main(file.path())));
  }
  run(until([&] { return file.text().ends_with("\n"); }));
  const pid_t grandchild = std::stoi(file.text());
  EXPECT_TRUE(alive(grandchild));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  run(until([grandchild] { return !alive(grandchild); }));
}

TEST(Process, AWatcherHearsOfItsGroupBeforeTheProgramRunsAndBeforeItIsReaped) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const auto next = [&ends] {
    pid_t said = 0;
    return ::recv(ends[1], &said, sizeof said, MSG_DONTWAIT) == sizeof said ? said : 0;
  };
  const auto start_and_wait = [&](int watcher) -> Task<void> {
    ProcessOptions options = command("exit 0", Stdio::null);
    options.group_watcher = watcher;
    Process process(options);
    EXPECT_EQ(next(), process.pid()) << "it has begun, so the watcher knows";
    EXPECT_EQ(next(), 0);
    const pid_t pid = process.pid();
    co_await process.wait();
    EXPECT_EQ(next(), -pid);
  };
  run(start_and_wait(ends[0]));

  ProcessOptions missing({"/nowhere/at-all"});
  missing.group_watcher = ends[0];
  EXPECT_NE(start_error(missing).find("No such file"), std::string::npos);
  const pid_t group = next();
  EXPECT_GT(group, 0);
  EXPECT_EQ(next(), -group) << "one that could not start is gone too";
  ::close(ends[1]);
  missing.argv = {"true"};
  EXPECT_EQ(start_error(missing), "it runs") << "a watcher that is gone is no reason to fail";
  ::close(ends[0]);
}

// --- run_shell
// ------------------------------------------------------------------------------------------------------

Task<io::ShellResult> shell(std::string line, io::ShellOptions options = io::ShellOptions()) {
  co_return co_await io::run_shell(std::move(line), options);
}

TEST(RunShell, GivesStatusAndOutput) {
  const io::ShellResult result = run(shell("echo hello; exit 4"));
  EXPECT_EQ(result.status.code(), 4);
  EXPECT_EQ(result.output, "hello\n");
  EXPECT_EQ(result.output_bytes, 6U);
  EXPECT_FALSE(result.timed_out);
}

TEST(RunShell, StopsAtItsTimeoutAndKeepsTheOutput) {
  io::ShellOptions options;
  options.timeout = 20ms;
  const io::ShellResult result =
      run(shell("trap 'echo bye; exit 1' TERM; echo hello; while :; do sleep 0.01; done", options));
  EXPECT_TRUE(result.timed_out);
  EXPECT_TRUE(result.output.ends_with("bye\n") || result.status.signal() == SIGTERM) << result.output;
}

Task<void> cancel_a_shell(std::string line, Duration grace, int cancels, std::string path) {
  io::ShellOptions options;
  options.grace = grace;
  auto running = spawn(shell, line, options);
  co_await until([&] { return std::ifstream(path).peek() != EOF; });
  running.cancel();
  for (int i = 1; i < cancels; ++i) {
    co_await sleep(1ms);
    running.cancel();
  }
  co_await running.wait();
  EXPECT_TRUE(running.cancelled());
  EXPECT_TRUE(no_children_left()) << "reaped before the cancel goes on";
}

TEST(RunShell, ACancelStopsTheWholeGroup) {
  const TempFile file;
  run(cancel_a_shell("sleep 1000 & echo $! > " + file.path() + "; sleep 1000", 1min, 1, file.path()));
  const pid_t grandchild = std::stoi(file.text());
  run(until([grandchild] { return !alive(grandchild); }));
}

TEST(RunShell, ACancelIsSigkillAfterTheGrace) {
  const TempFile file;
  run(cancel_a_shell("trap '' TERM; echo $$ > " + file.path() + "; while :; do sleep 0.01; done", 10ms, 1,
                     file.path()));
}

TEST(RunShell, ASecondCancelIsSigkillAtOnce) {
  const TempFile file;
  run(cancel_a_shell("trap '' TERM; echo $$ > " + file.path() + "; while :; do sleep 0.01; done", 1h, 2,
                     file.path()));
}

}  // namespace
}  // namespace coterie::io_test
