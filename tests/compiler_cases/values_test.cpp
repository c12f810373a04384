// Temporaries and results of an expression that awaits (rows B, C and D): the spellings that both compilers
// get right.

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "compiler_cases/mini_task.hpp"

namespace compiler_cases {
namespace {

class CompilerValues : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(Tracked::alive, 0); }
};

// An aggregate would be destroyed twice; a user-declared constructor is the cure, with setters for the
// natural spelling.
class Options {
 public:
  Options() {}
  Options& tracked(int value) {
    tracked_ = Tracked(value);
    return *this;
  }
  Options& name(std::string name) {
    name_ = std::move(name);
    return *this;
  }
  int total() const { return tracked_.value() + static_cast<int>(name_.size()); }

 private:
  Tracked tracked_;
  std::string name_;
};

MiniTask<int> use(Options options) {
  co_return options.total();
}

MiniTask<int> options_in_the_expression() {
  co_return co_await use(Options().tracked(1).name("a name that is too long for the small string"));
}

TEST_F(CompilerValues, OptionsWithAConstructorAreBuiltInTheExpression) {
  EXPECT_EQ(options_in_the_expression().run(), 45);
}

struct Trivial {
  int a;
  int b;
};

MiniTask<int> add(Trivial trivial) {
  co_return trivial.a + trivial.b;
}

MiniTask<int> trivial_aggregate() {
  co_return co_await add({.a = 1, .b = 2});
}

TEST_F(CompilerValues, TrivialAggregateInTheExpression) {
  EXPECT_EQ(trivial_aggregate().run(), 3);
}

MiniTask<int> branches(bool awaited) {
  int value = 0;
  if (awaited) {
    Tracked tracked = co_await make(1);
    value = tracked.value();
  } else {
    Tracked tracked(2);
    value = tracked.value();
  }
  co_return value;
}

TEST_F(CompilerValues, BranchesInsteadOfAConditionalExpression) {
  EXPECT_EQ(branches(true).run(), 1);
  EXPECT_EQ(branches(false).run(), 2);
}

MiniTask<int> sum(std::vector<Tracked> values) {
  int total = 0;
  for (const Tracked& tracked : values) total += tracked.value();
  co_return total;
}

MiniTask<int> vector_first() {
  std::vector<Tracked> values;
  values.push_back(co_await make(1));
  values.push_back(co_await make(2));
  co_return co_await sum(std::move(values));
}

TEST_F(CompilerValues, VectorBuiltBeforeTheExpression) {
  EXPECT_EQ(vector_first().run(), 3);
}

template <class... Tasks>
MiniTask<int> sum_tasks(Tasks... tasks) {
  int total = 0;
  ((total += co_await std::move(tasks)), ...);
  co_return total;
}

MiniTask<int> pack() {
  co_return co_await sum_tasks(read(Tracked(1)), read(Tracked(2)), read(Tracked(3)));
}

TEST_F(CompilerValues, FoldOverTasksByValue) {
  EXPECT_EQ(pack().run(), 6);
}

MiniTask<std::tuple<Tracked, int>> make_pair(int value) {
  co_return std::tuple<Tracked, int>(Tracked(value), value);
}

MiniTask<int> bindings() {
  int total = 0;
  for (int i = 0; i < 4; ++i) {
    auto [tracked, value] = co_await make_pair(i);
    total += tracked.value() + value;
  }
  co_return total;
}

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 15
// gcc 15 leaks here (PR 124584): take the tuple by name, then bind to it.
#define COTERIE_BINDINGS_LEAK 1
#endif

TEST_F(CompilerValues, StructuredBindingOfAnAwaitInALoop) {
#ifdef COTERIE_BINDINGS_LEAK
  GTEST_SKIP() << "gcc 15 and newer, PR 124584";
#endif
  EXPECT_EQ(bindings().run(), 12);
}

MiniTask<std::unique_ptr<int>> count_down(int& from) {
  if (from == 0) co_return nullptr;
  co_return std::make_unique<int>(from--);
}

MiniTask<int> loops() {
  int from = 3;
  int total = 0;
  while (auto value = co_await count_down(from)) total += *value;
  from = 2;
  if (auto value = co_await count_down(from); value) total += *value * 10;
  switch (co_await read(Tracked(4))) {
    case 4:
      total += 100;
      break;
    default:
      break;
  }
  co_return total;
}

TEST_F(CompilerValues, AwaitInTheHeadOfWhileIfAndSwitch) {
  EXPECT_EQ(loops().run(), 126);
}

MiniTask<std::vector<Tracked>> make_three() {
  std::vector<Tracked> values;
  for (int i = 1; i <= 3; ++i) values.emplace_back(i);
  co_return values;
}

MiniTask<int> range() {
  int total = 0;
  for (const Tracked& tracked : co_await make_three()) total += co_await read(tracked);
  co_return total;
}

TEST_F(CompilerValues, RangeForOverAnAwait) {
  EXPECT_EQ(range().run(), 6);
}

}  // namespace
}  // namespace compiler_cases
