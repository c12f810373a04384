#pragma once
#include <exception>
#include <string>
#include <utility>

#include "coterie/testing/seeded_loop.hpp"
#include "coterie/testing/virtual_loop.hpp"

/// GoogleTest tests whose body is a coroutine. This header does not include GoogleTest; include it first.
///
///     COTERIE_TEST(Shop, ClosesAfterTheLastCustomer) {
///       Shop shop;
///       auto customer = spawn(buy, std::ref(shop));
///       co_await sleep(8h);                        // takes no time
///       COTERIE_ASSERT(EXPECT_TRUE(customer.done()));
///       EXPECT_EQ(customer.result(), "bread");
///     }
///
/// The body runs as the main task of a virtual loop, `virtual_loop` in it; what it throws fails the test, a
/// deadlock too, with a line for each task that waits. It needs at least one `co_await` or `co_return`. Tasks
/// that it leaves are cancelled and run to their end.
#define COTERIE_TEST(Suite, Name)                                                                    \
  static ::coterie::Task<void> Suite##_##Name##_Body(::coterie::testing::VirtualLoop& virtual_loop); \
  TEST(Suite, Name) {                                                                                \
    const ::std::string problem = ::coterie::testing::detail::try_test(&Suite##_##Name##_Body);      \
    if (!problem.empty()) ADD_FAILURE() << problem;                                                  \
  }                                                                                                  \
  static ::coterie::Task<void> Suite##_##Name##_Body(                                                \
      [[maybe_unused]] ::coterie::testing::VirtualLoop& virtual_loop)

/// The same under the seeds 1 to n, `COTERIE_SEEDED_TEST(Suite, Name, n)` or `(Suite, Name, n, SeedOptions)`:
/// each is a history of its own on a SeededLoop, `seeded` in the body. See for_each_seed() for COTERIE_SEED.
#define COTERIE_SEEDED_TEST(Suite, Name, ...) \
  COTERIE_HISTORIES_TEST_(Suite, Name, ::coterie::testing::detail::SeedPlan(__VA_ARGS__))

/// The same for every await of the body's subjects, each cancelled in a history of its own: see
/// for_each_cancel().
#define COTERIE_CANCEL_TEST(Suite, Name) \
  COTERIE_HISTORIES_TEST_(Suite, Name, ::coterie::testing::detail::CancelPlan())

/// Leaves a coroutine test when an expectation does not hold, as ASSERT_… would, which a coroutine cannot
/// use: `COTERIE_ASSERT(EXPECT_EQ(a, b) << "why");`. Anything of EXPECT_… may stand in it.
#define COTERIE_ASSERT(...)                                                                      \
  do {                                                                                           \
    const int parts_before =                                                                     \
        ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();   \
    __VA_ARGS__;                                                                                 \
    if (::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count() != \
        parts_before)                                                                            \
      co_return;                                                                                 \
  } while (false)

#define COTERIE_HISTORIES_TEST_(Suite, Name, plan)                                               \
  static ::coterie::Task<void> Suite##_##Name##_History(::coterie::testing::SeededLoop& seeded); \
  TEST(Suite, Name) {                                                                            \
    const ::std::string problem =                                                                \
        (plan).run(&Suite##_##Name##_History, #Suite "." #Name, &::testing::Test::HasFailure);   \
    if (!problem.empty()) ADD_FAILURE() << problem;                                              \
  }                                                                                              \
  static ::coterie::Task<void> Suite##_##Name##_History(                                         \
      [[maybe_unused]] ::coterie::testing::SeededLoop& seeded)

namespace coterie::testing::detail {

/// What is wrong with `body`'s end; empty when nothing is.
inline std::string try_test(Task<void> (*body)(VirtualLoop&)) {
  try {
    VirtualLoop loop;
    loop.run(body(loop));
    return {};
  } catch (...) {
    return describe(std::current_exception());
  }
}

class SeedPlan {
 public:
  explicit SeedPlan(std::uint64_t seeds, SeedOptions options = SeedOptions())
      : seeds_(seeds), options_(options) {}
  [[nodiscard]] std::string run(const Scenario& scenario, const std::string& name, bool (*failed)()) const {
    return try_each_seed(seeds_, scenario, options_, name, failed);
  }

 private:
  std::uint64_t seeds_;
  SeedOptions options_;
};

class CancelPlan {
 public:
  [[nodiscard]] std::string run(const Scenario& scenario, const std::string& name, bool (*failed)()) const {
    return try_each_cancel(scenario, SeedOptions(), name, failed);
  }
};

}  // namespace coterie::testing::detail
