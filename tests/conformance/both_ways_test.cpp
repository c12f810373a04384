// How much of the list runs at both prices of a cancel.
#include "support/both_ways.hpp"

#include <cstdio>

namespace coterie {
namespace {
using namespace test;

COTERIE_CASE(BothWays, ACancelledSleeperEndsCancelled) {
  run([]() -> Task<void> {
    auto subject = spawn([]() -> Co<int> {
      co_await sleep(1h);
      co_return 1;
    });
    auto other = spawn(Subjects::sleeper, 1h);
    co_await ticks(1);
    subject.cancel("enough");
    other.cancel();
    std::string end = co_await end_of(subject);
    EXPECT_EQ(end, "cancelled: enough");
    end = co_await end_of(other);
    EXPECT_EQ(end, "cancelled");
    EXPECT_EQ(seconds(), 0);
  });
}

TEST(BothWays, NumberOfCases) {
  std::printf("%d conformance cases run both ways, by exception and by destruction\n", cases_both_ways);
  RecordProperty("cases_both_ways", cases_both_ways);
  EXPECT_GT(cases_both_ways, 0);
}

}  // namespace
}  // namespace coterie
