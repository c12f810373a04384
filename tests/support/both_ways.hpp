#pragma once

// Cases that run at both prices of a cancel: by the exception, and by destruction.

#include <gtest/gtest.h>

#include "support/runtime.hpp"

namespace coterie::test {

/// The coroutines of support/runtime.hpp that get cancelled, fail and wait, in either way.
template <class How>
struct Subjects {
  static Task<void, How> nop() { co_return; }
  static Task<int, How> give(int value) { co_return value; }
  static Task<int, How> give_later(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
  }
  static Task<void, How> fail(std::string what) {
    co_await std::suspend_never();
    throw Boom(what);
  }
  static Task<void, How> fail_later(Duration delay, std::string what) {
    co_await sleep(delay);
    throw Boom(what);
  }
  static Task<void, How> sleeper(Duration delay) { co_await sleep(delay); }
  /// Sleeps, and answers a cancel with another error.
  static Task<void, How> crash_on_cancel(Duration delay, std::string what) {
    Outcome<void> end = co_await outcome(sleep(delay));
    if (end.cancelled()) throw Boom(what);
  }
  /// Answers a cancel with a cleanup that takes its time and is told of in `left`, and then goes on with it.
  static Task<void, How> slow_to_leave(Duration cleanup, bool& left) {
    Outcome<void> end = co_await outcome(sleep(10s));
    co_await sleep(cleanup);
    left = true;
    end.get();
  }
  template <class T>
  static Task<T, How> await_future(Future<T> future) {
    if constexpr (std::is_void_v<T>)
      co_await future;
    else
      co_return co_await future;
  }
};

/// Notes the order in which frames end.
class NoteEnd {
 public:
  NoteEnd(std::vector<int>& out, int number) : out_(&out), number_(number) {}
  NoteEnd(const NoteEnd&) = delete;
  NoteEnd& operator=(const NoteEnd&) = delete;
  ~NoteEnd() { out_->push_back(number_); }

 private:
  std::vector<int>* out_;
  int number_;
};
/// Sleeps, and is noted in `out` when it ends.
template <class Co>
Co note_end(std::vector<int>& out, int number) {
  const NoteEnd note(out, number);
  co_await sleep(10s);
}

/// How many cases the binary has that run both ways.
inline int cases_both_ways = 0;

}  // namespace coterie::test

/// A test whose subjects have no catch, run twice: once with `Co<T>` = `Task<T>`, once, as Name +
/// WithoutCatch, with `Co<T>` = `Task<T, no_catch>`. Write as `Co<T>` what is cancelled, fails or waits, and
/// take ready-made ones from `Subjects::`; what looks on stays a Task.
#define COTERIE_CASE(suite, name)                                         \
  template <class How>                                                    \
  struct suite##name##Case {                                              \
    template <class T = void>                                             \
    using Co = ::coterie::Task<T, How>;                                   \
    using Subjects = ::coterie::test::Subjects<How>;                      \
    static void run_case();                                               \
    static inline const int counted = ++::coterie::test::cases_both_ways; \
  };                                                                      \
  TEST(suite, name) {                                                     \
    suite##name##Case<::coterie::catching>::run_case();                   \
  }                                                                       \
  TEST(suite, name##WithoutCatch) {                                       \
    (void)suite##name##Case<::coterie::no_catch>::counted;                \
    suite##name##Case<::coterie::no_catch>::run_case();                   \
  }                                                                       \
  template <class How>                                                    \
  void suite##name##Case<How>::run_case()
