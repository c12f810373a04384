// Closures in an expression that awaits (rows A and E). gcc 12.2 destroys a temporary closure with
// non-trivial captures twice; each test here is a spelling that does not provoke it, and that the library's
// API is shaped for.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

#include "compiler_cases/mini_task.hpp"

namespace compiler_cases {
namespace {

template <class Fn>
MiniTask<int> call(Fn fn) {
  co_return fn();
}

template <class Fn, class... Args>
MiniTask<int> call_with(Fn fn, Args... args) {
  co_return fn(std::move(args)...);
}

MiniTask<int> call_function(std::function<int()> fn) {
  co_return fn();
}

class CompilerCallables : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(Tracked::alive, 0); }
};

MiniTask<int> named_closure() {
  Tracked tracked(1);
  auto fn = [tracked = std::move(tracked)] { return tracked.value(); };
  co_return co_await call(fn);
}

TEST_F(CompilerCallables, NamedClosureIsCopiedIntoTheCallee) {
  EXPECT_EQ(named_closure().run(), 1);
}

MiniTask<int> named_closure_moved() {
  Tracked tracked(2);
  auto fn = [tracked = std::move(tracked)] { return tracked.value(); };
  co_return co_await call(std::move(fn));
}

TEST_F(CompilerCallables, NamedClosureIsMovedIntoTheCallee) {
  EXPECT_EQ(named_closure_moved().run(), 2);
}

MiniTask<int> two_statements() {
  Tracked tracked(3);
  auto task = call([tracked = std::move(tracked)] { return tracked.value(); });
  co_return co_await std::move(task);
}

TEST_F(CompilerCallables, ClosureInAStatementOfItsOwn) {
  EXPECT_EQ(two_statements().run(), 3);
}

MiniTask<int> captureless_with_arguments() {
  Tracked tracked(4);
  co_return co_await call_with([](Tracked t) { return t.value(); }, std::move(tracked));
}

TEST_F(CompilerCallables, CapturelessClosureWithOwnedArguments) {
  EXPECT_EQ(captureless_with_arguments().run(), 4);
}

MiniTask<int> references() {
  Tracked tracked(5);
  int more = 1;
  int by_reference = co_await call([&] { return tracked.value(); });
  int by_trivial_value = co_await call([more] { return more; });
  co_return by_reference + by_trivial_value;
}

TEST_F(CompilerCallables, ReferencesAndTrivialCapturesInTheExpression) {
  EXPECT_EQ(references().run(), 6);
}

MiniTask<int> function_object() {
  auto shared = std::make_shared<Tracked>(7);
  std::function<int()> fn = [shared] { return shared->value(); };
  co_return co_await call_function(fn);
}

TEST_F(CompilerCallables, NamedStdFunction) {
  EXPECT_EQ(function_object().run(), 7);
}

MiniTask<int> coroutine_closure() {
  Tracked tracked(8);
  auto fn = [](Tracked t) -> MiniTask<int> {
    int value = co_await read(std::move(t));
    co_return value + 1;
  };
  co_return co_await fn(std::move(tracked));
}

TEST_F(CompilerCallables, NamedCoroutineClosure) {
  EXPECT_EQ(coroutine_closure().run(), 9);
}

MiniTask<int> immediately_invoked() {
  // Alone in its statement: together with a second await gcc 12.2 crashes.
  int value = co_await [](Tracked t) -> MiniTask<int> { co_return co_await read(std::move(t)); }(Tracked(10));
  co_return value;
}

TEST_F(CompilerCallables, CapturelessCoroutineClosureCalledInPlace) {
  EXPECT_EQ(immediately_invoked().run(), 10);
}

}  // namespace
}  // namespace compiler_cases
