// Runs many histories of one scenario and says which one failed, also when the process dies in it.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "coterie/testing/seeded_loop.hpp"

// Present in a program that was built with a sanitizer.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace coterie::testing {
namespace {

std::optional<std::uint64_t> number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (*end != '\0' || *text == '-' || errno != 0)
    throw std::invalid_argument(std::string(name) + "=" + text + " is no number from 0 on");
  return value;
}

std::string replay_command(std::uint64_t seed, const std::string& test) {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  std::string command = "COTERIE_SEED=" + std::to_string(seed) + " ";
  command += length > 0 ? path.data() : "<this program>";
  if (!test.empty()) command += " --gtest_filter=" + test;
  return command;
}

/// While histories run: the last words of a process that dies in one. Written by signal handlers, so all is
/// prepared.
class LastWords {
 public:
  explicit LastWords(const std::string& test) : test_(test) {
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(&say);
    struct sigaction action{};
    action.sa_handler = &on_signal;
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &action, &before[i]);
  }
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
  ~LastWords() {
    length = 0;
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before[i], nullptr);
  }
  void prepare(std::uint64_t seed) {
    if (command_.empty()) command_ = replay_command(0, test_).substr(std::strlen("COTERIE_SEED=0"));
    const int written = std::snprintf(
        words.data(), words.size(),
        "\ncoterie: it happened under seed %llu; to replay it:\n  COTERIE_SEED=%llu%s\n",
        static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed), command_.c_str());
    length = std::min(static_cast<std::size_t>(written), words.size() - 1);
  }

 private:
  static void say() { (void)!::write(STDERR_FILENO, words.data(), length); }
  static void on_signal(int signo) {
    say();
    for (std::size_t i = 0; i < signals.size(); ++i)
      if (signals[i] == signo) ::sigaction(signo, &before[i], nullptr);
    // A fault happens again when this returns, and meets the handler that was there before.
    if (signo == SIGABRT || signo == SIGTERM || signo == SIGINT) ::raise(signo);
  }

  static constexpr std::array signals{SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTERM, SIGINT};
  static inline std::array<struct sigaction, signals.size()> before{};
  static inline std::array<char, 4096> words{};
  static inline std::size_t length = 0;
  std::string test_;
  std::string command_;
};

struct History {
  std::string problem;
  std::uint64_t cancels = 0;
};

History run_history(std::uint64_t seed, const Scenario& scenario, const SeedOptions& options,
                    const std::string& test, bool (*failed)()) {
  History result;
  try {
    SeededLoop seeded(seed, options);
    try {
      seeded.run(scenario(seeded));
    } catch (...) {
      result.problem = detail::describe(std::current_exception());
    }
    result.cancels = seeded.cancels();
  } catch (...) {
    result.problem = detail::describe(std::current_exception());
  }
  if (result.problem.empty() && failed()) result.problem = "a check failed";
  if (!result.problem.empty())
    result.problem = "seed " + std::to_string(seed) + ": " + result.problem + "\nto replay it:\n  " +
                     replay_command(seed, test);
  return result;
}

SeedOptions options_of_cancel(std::uint64_t history, SeedOptions options) {
  options.shuffle = false;
  options.cancel_one_in = 0;
  options.cancel_at.reset();
  if (history == 0) return options;
  options.cancel_at.emplace();
  options.cancel_at->await = (history + 1) / 2;
  options.cancel_at->moment = history % 2 == 1 ? CancelMoment::waiting : CancelMoment::woken;
  return options;
}

bool never_failed() {
  return false;
}

void throw_failed(const std::string& report) {
  if (report.empty()) return;
  throw HistoryFailed(std::strtoull(report.c_str() + std::strlen("seed "), nullptr, 10), report);
}

}  // namespace

std::string detail::describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (const Cancelled& cancel) {
    return "the body was cancelled" + (cancel.message().empty() ? std::string() : ": " + cancel.message());
  } catch (...) {
    return "the body threw an exception that is no std::exception";
  }
}

std::string detail::try_each_seed(std::uint64_t seeds, const Scenario& scenario, SeedOptions options,
                                  const std::string& name, bool (*failed)()) {
  LastWords last_words(name);
  const std::optional<std::uint64_t> only = number_in_environment("COTERIE_SEED");
  std::uint64_t left = only ? 1 : number_in_environment("COTERIE_SEEDS").value_or(seeds);
  for (std::uint64_t seed = only.value_or(options.first_seed); left > 0; ++seed, --left) {
    last_words.prepare(seed);
    History history = run_history(seed, scenario, options, name, failed);
    if (!history.problem.empty()) return std::move(history.problem);
  }
  return {};
}

std::string detail::try_each_cancel(const Scenario& scenario, SeedOptions options, const std::string& name,
                                    bool (*failed)()) {
  LastWords last_words(name);
  const std::optional<std::uint64_t> only = number_in_environment("COTERIE_SEED");
  for (std::uint64_t number = only.value_or(0);; ++number) {
    last_words.prepare(number);
    History history = run_history(number, scenario, options_of_cancel(number, options), name, failed);
    if (!history.problem.empty()) return std::move(history.problem);
    // A subject that waits can always be cancelled: where none was, there are no more awaits.
    if (only || (number % 2 == 1 && history.cancels == 0)) return {};
  }
}

void for_each_seed(std::uint64_t seeds, const Scenario& scenario, SeedOptions options) {
  throw_failed(detail::try_each_seed(seeds, scenario, options, {}, &never_failed));
}

void for_each_cancel(const Scenario& scenario, SeedOptions options) {
  throw_failed(detail::try_each_cancel(scenario, options, {}, &never_failed));
}

}  // namespace coterie::testing
