// The real `coterie top` on a pseudo-terminal, and what it asks a broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "coterie/coterie.hpp"
#include "src/cli/top/collect.hpp"
#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using namespace coterie;
using cli::top::Collector;
using cli::top::Request;
using cli::top::Sample;
using testing::AllOf;
using testing::HasSubstr;

/// `coterie top` in a terminal of 80 by 24.
class OnATerminal {
 public:
  explicit OnATerminal(const Folder& folder, const char* kind = "xterm", const char* no_color = "") {
    winsize size{24, 80, 0, 0};
    pid_ = ::forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    const std::string home = folder.path(".");
    ::setenv("TERM", kind, 1);
    ::setenv("LC_ALL", "C.UTF-8", 1);
    ::setenv("NO_COLOR", no_color, 1);
    // ncurses keeps what it has allocated for a terminal that it does not know.
    if (!std::string_view(kind).starts_with("xterm")) ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    if (::chdir(home.c_str()) != 0) ::_exit(126);
    ::execl(COTERIE_BIN_DIR "/coterie", "coterie", "top", "--interval", "100ms", nullptr);
    ::_exit(127);
  }
  OnATerminal(const OnATerminal&) = delete;
  OnATerminal& operator=(const OnATerminal&) = delete;
  ~OnATerminal() {
    if (pid_ > 0 && !ended_) {
      ::kill(pid_, SIGKILL);
      (void)end();
    }
    ::close(fd_);
  }

  void press(const std::string& keys) const {
    ASSERT_EQ(::write(fd_, keys.data(), keys.size()), ssize_t(keys.size()));
  }
  void resize(unsigned short columns) const {
    winsize size{24, columns, 0, 0};
    ASSERT_EQ(::ioctl(fd_, TIOCSWINSZ, &size), 0);
  }
  /// Reads until it has written this, escapes and all, since the last call; false: it ended without.
  /// `before`: what came before it.
  bool sees(const std::string& text, std::string* before = nullptr) {
    while (shown_.find(text) == std::string::npos)
      if (!read_more()) return false;
    if (before != nullptr) *before = shown_.substr(0, shown_.find(text));
    shown_.erase(0, shown_.find(text) + text.size());
    return true;
  }
  /// The exit code as the shell has it, once it has ended.
  int end() {
    while (read_more()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& left() const { return shown_; }

 private:
  bool read_more() {
    char part[4096];
    pollfd readable{fd_, POLLIN, 0};
    if (::poll(&readable, 1, 60'000) != 1) return false;
    const ssize_t got = ::read(fd_, part, sizeof part);  // EIO: the other end is closed
    if (got <= 0) return false;
    shown_.append(part, static_cast<std::size_t>(got));
    return true;
  }
  int fd_ = -1;
  pid_t pid_ = -1;
  bool ended_ = false;
  std::string shown_;
};

constexpr const char* leaves_the_screen = "\x1b[?1049l";

TEST(TopTerminal, ShowsWhatComesObeysKeysAndPutsTheTerminalBack) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "-q", "mail", "--exec", "true"}).code, 0);
  OnATerminal top(folder);
  ASSERT_TRUE(top.sees("mail"));
  ASSERT_EQ(folder.run({"enqueue", "-q", "letters", "--exec", "true"}).code, 0);
  ASSERT_TRUE(top.sees("letters"));  // by itself
  top.press("2");
  ASSERT_TRUE(top.sees("Nothing runs"));
  top.press("1P");
  ASSERT_TRUE(top.sees("Pause queue"));
  top.press("y");
  ASSERT_TRUE(top.sees("(paused)"));
  EXPECT_THAT(folder.run({"queues", "--json"}).out, HasSubstr("\"paused\":true"));
  top.press("q");
  EXPECT_EQ(top.end(), 0);
  EXPECT_THAT(top.left(), HasSubstr(leaves_the_screen));
}

/// The codes that choose a colour, as `\x1b[31m` or `\x1b[38;5;196m` have them, each once and in order: "31",
/// "38;5;196". What stands for the default colour is none.
std::set<std::string> colours_in(const std::string& output) {
  std::set<std::string> found;
  for (std::size_t at = output.find("\x1b["); at != std::string::npos; at = output.find("\x1b[", at + 2)) {
    const std::size_t end = output.find_first_not_of("0123456789;", at + 2);
    if (end == std::string::npos || output[end] != 'm') continue;
    std::istringstream codes(output.substr(at + 2, end - at - 2));
    for (std::string code; std::getline(codes, code, ';');) {
      if (code == "38" || code == "48") return {"beyond sixteen"};
      const int number = code.empty() ? 0 : std::stoi(code);
      if ((number >= 30 && number <= 37) || (number >= 40 && number <= 47) || (number >= 90 && number <= 107))
        found.insert(code);
    }
  }
  return found;
}

/// Of a queue that is paused, which is shown in yellow where there is yellow.
std::set<std::string> colours_of_a_paused_queue(const char* terminal, const char* no_color = "") {
  const Folder folder;
  EXPECT_EQ(folder.run({"enqueue", "-q", "a", "--exec", "true"}).code, 0);  // the first is the chosen one
  EXPECT_EQ(folder.run({"enqueue", "-q", "b", "--exec", "true"}).code, 0);
  EXPECT_EQ(folder.run({"pause", "b"}).code, 0);
  OnATerminal top(folder, terminal, no_color);
  std::string before;
  EXPECT_TRUE(top.sees("(paused)", &before));
  top.press("q");
  EXPECT_EQ(top.end(), 0);
  return colours_in(before);
}

TEST(TopTerminal, TheColoursAreThoseThatEveryTerminalHas) {
  EXPECT_EQ(colours_of_a_paused_queue("xterm"), std::set<std::string>{"33"});
  EXPECT_EQ(colours_of_a_paused_queue("xterm-256color"), std::set<std::string>{"33"});
}

TEST(TopTerminal, WithoutColoursItSaysTheSame) {
  EXPECT_EQ(colours_of_a_paused_queue("vt100"), std::set<std::string>{});
  EXPECT_EQ(colours_of_a_paused_queue("xterm-256color", "1"), std::set<std::string>{}) << "NO_COLOR";
}

/// Numbers in what brokers say and in JSON have points, also where people write commas. A locale's parts are
/// files, which the C library maps.
TEST(TopTerminal, TakesOfTheLocaleOnlyItsCharacters) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "--exec", "true"}).code, 0);
  OnATerminal top(folder);
  ASSERT_TRUE(top.sees("default"));
  std::ifstream file("/proc/" + std::to_string(top.pid()) + "/maps");
  const std::string maps((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  top.press("q");
  EXPECT_EQ(top.end(), 0);
  if (maps.find("LC_CTYPE") == std::string::npos) GTEST_SKIP() << "this C library has its locales elsewhere";
  EXPECT_EQ(maps.find("LC_NUMERIC"), std::string::npos);
}

TEST(TopTerminal, FollowsTheSizeOfItsTerminal) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "--exec", "true"}).code, 0);
  OnATerminal top(folder);
  ASSERT_TRUE(top.sees("LONGEST WAIT"));
  top.resize(140);
  ASSERT_TRUE(top.sees("ENDED, LATELY"));  // there is no room for it on 80 columns
  top.press("q");
  EXPECT_EQ(top.end(), 0);
}

TEST(TopTerminal, CtrlCPutsTheTerminalBackToo) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "--exec", "true"}).code, 0);
  OnATerminal top(folder);
  ASSERT_TRUE(top.sees("default"));
  top.press("\x03");
  EXPECT_EQ(top.end(), 130);
  EXPECT_THAT(top.left(), HasSubstr(leaves_the_screen));
}

TEST(TopTerminal, ATerminalThatNobodyKnowsIsNamedWithTheCure) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "--exec", "true"}).code, 0);
  OnATerminal top(folder, "no-such-kind");
  EXPECT_EQ(top.end(), 2);
  EXPECT_THAT(top.left(), HasSubstr("'no-such-kind'"));
  EXPECT_THAT(top.left(), HasSubstr("set TERM"));
}

TEST(TopWithoutTerminal, IsRefusedUnlessItIsForOnceOrForPrograms) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "--exec", "true"}).code, 0);
  const Ended refused = folder.run({"top"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--once"));
  const Ended once = folder.run({"top", "--once"});
  EXPECT_EQ(once.code, 0);
  EXPECT_THAT(once.out, HasSubstr("Queues\nQUEUE"));
  const Ended json = folder.run({"top", "--once", "--json"});
  EXPECT_THAT(json.out, AllOf(HasSubstr(R"("queue":"default")"), HasSubstr(R"("workers":[])")));
  EXPECT_EQ(folder.run({"top", "--interval", "1ms"}).code, 2);
}

TEST(TopCollector, TellsWhatRunsWhatFailedAndDoesWhatIsAsked) {
  std::shared_ptr<queue::Broker> broker = queue::open_broker("memory://top-collector");
  run([](std::shared_ptr<queue::Broker> store) -> Task<void> {
    std::vector<queue::JobSpec> specs(2, queue::JobSpec("work"));
    for (queue::JobSpec& spec : specs) spec.id = queue::new_uuid();
    co_await store->enqueue(specs);
    queue::CycleRequest request;
    request.worker.name = "w";
    request.worker.incarnation = queue::new_uuid();
    request.seq = 1;
    request.queues = {"default"};
    request.want = 1;
    queue::CycleReply reply = co_await store->cycle(request);
    queue::WorkerReport report;
    report.worker.name = "idle";
    report.worker.incarnation = queue::new_uuid();
    co_await store->announce(report);
    Collector collector(store);
    Sample sample = co_await collector.look(Sample(), specs[0].id, false);
    EXPECT_EQ(sample.total(queue::JobState::ready), 1U);
    EXPECT_EQ(sample.running.size(), 1U);
    EXPECT_EQ(sample.running.at(0).worker, "w");
    EXPECT_EQ(sample.fleet.workers.at(0).report.worker.name, "idle");
    EXPECT_TRUE(sample.opened && sample.opened->id == specs[0].id);

    Request cancel;
    cancel.kind = Request::Kind::cancel;
    cancel.job = specs[1].id;
    std::string said = co_await collector.perform(cancel);
    EXPECT_EQ(said, "Cancelled");
    cancel.job = specs[0].id;
    said = co_await collector.perform(cancel);
    EXPECT_THAT(said, HasSubstr("its worker was told"));
    Request retry;
    retry.kind = Request::Kind::retry;
    retry.job = specs[1].id;
    said = co_await collector.perform(retry);
    EXPECT_EQ(said, "It runs again");
    Request pause;
    pause.kind = Request::Kind::pause;
    pause.queue = "default";
    said = co_await collector.perform(pause);
    sample = co_await collector.look(sample, std::nullopt, false);
    EXPECT_TRUE(sample.queues.at(0).paused);
    EXPECT_EQ(sample.queues.at(0).ended_per_second.size(), 1U);
  }(broker));
}

}  // namespace
}  // namespace cli_test
