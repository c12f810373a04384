// Headers are a map of which most jobs have none.
#include "coterie/queue/headers.hpp"

#include <gmock/gmock.h>

#include <stdexcept>
#include <vector>

namespace queue_tests {
namespace {

using coterie::queue::Headers;
using ::testing::ElementsAre;
using ::testing::Pair;

static_assert(sizeof(Headers) == sizeof(void*), "each job carries them, whether it has any or none");

TEST(Headers, ThatAreNoneAreEmptyAndCanBeAskedAnything) {
  const Headers none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_FALSE(none.contains("a"));
  EXPECT_EQ(none.find("a"), none.end());
  EXPECT_THROW((void)none.at("a"), std::out_of_range);
  EXPECT_EQ(none, Headers{});
  EXPECT_EQ(none, Headers(none));
}

TEST(Headers, AreInOrderOfTheirNames) {
  Headers headers{{"b", "2"}, {"a", "1"}};
  headers["c"] = "3";
  EXPECT_FALSE(headers.emplace("a", "other")) << "what is there stays";
  EXPECT_TRUE(headers.emplace("d", "4"));
  EXPECT_THAT(std::vector(headers.begin(), headers.end()),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4")));
  EXPECT_EQ(headers.find("b")->second, "2");
  EXPECT_EQ(headers.at("d"), "4");
}

TEST(Headers, ACopyIsOnesOwnAndWhatWasMovedAwayIsEmpty) {
  Headers first{{"tenant", "blue"}};
  Headers second = first;
  second["tenant"] = "red";
  EXPECT_EQ(first.at("tenant"), "blue");
  EXPECT_NE(first, second);
  const Headers third = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is looked at
  EXPECT_EQ(third.at("tenant"), "blue");
  second = Headers();
  EXPECT_TRUE(second.empty());
  second = third;
  EXPECT_EQ(second, third);
}

}  // namespace
}  // namespace queue_tests
