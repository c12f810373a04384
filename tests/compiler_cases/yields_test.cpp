// Items of generators, and loops around an await: the spellings that both compilers get right.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "compiler_cases/mini_task.hpp"
#include "support/runtime.hpp"

namespace compiler_cases {
namespace {
using coterie::AsyncGenerator;
using coterie::Task;

class CompilerYields : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(Tracked::alive, 0); }
};

struct Row {
  Tracked tracked;
  std::string name;
};

// A temporary Row would be destroyed twice by gcc 12: refused there.
AsyncGenerator<Row> rows() {
  Row row{Tracked(1), "a name that is too long for the small string"};
  co_yield row;
  row.tracked = Tracked(2);
  co_yield row;
}

TEST_F(CompilerYields, NamedAggregateIsYieldedInPlace) {
  int sum = 0;
  coterie::test::run([&]() -> Task<void> {
    AsyncGenerator<Row> generator = rows();
    while (Row* row = co_await generator.next()) {
      Row taken = std::move(*row);
      sum += taken.tracked.value();
    }
  });
  EXPECT_EQ(sum, 3);
}

AsyncGenerator<Tracked> temporaries(Tracked argument) {
  co_yield Tracked(1);
  Tracked local(2);
  co_yield std::move(local);
  co_yield std::move(argument);
  const Tracked constant(4);
  co_yield constant;
}

TEST_F(CompilerYields, TemporaryWithAConstructor) {
  int sum = 0;
  coterie::test::run([&]() -> Task<void> {
    AsyncGenerator<Tracked> generator = temporaries(Tracked(3));
    while (Tracked* tracked = co_await generator.next()) {
      Tracked taken = std::move(*tracked);
      sum += taken.value();
    }
  });
  EXPECT_EQ(sum, 10);
}

AsyncGenerator<std::function<int()>> functions() {
  Tracked tracked(1);
  auto closure = [tracked = std::move(tracked)] { return tracked.value(); };
  co_yield closure;
  co_yield [] { return 2; };
}

TEST_F(CompilerYields, NamedClosureIsConverted) {
  int sum = 0;
  coterie::test::run([&]() -> Task<void> {
    AsyncGenerator<std::function<int()>> generator = functions();
    while (auto* function = co_await generator.next()) sum += (*function)();
  });
  EXPECT_EQ(sum, 3);
}

// With nothing in its body, gcc 12 makes an illegal instruction of a loop that awaits in its head.
MiniTask<int> loop_with_a_body() {
  int from = 3;
  int rounds = 0;
  while (co_await read(Tracked(from--)) > 0) ++rounds;
  for (from = 3; co_await read(Tracked(from)) > 0; --from) ++rounds;
  do ++rounds;
  while (co_await read(Tracked(from++)) < 3);
  co_return rounds;
}

TEST_F(CompilerYields, LoopThatAwaitsInItsHeadHasABody) {
  EXPECT_EQ(loop_with_a_body().run(), 10);
}

}  // namespace
}  // namespace compiler_cases
