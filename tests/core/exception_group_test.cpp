// Several errors at once: what is found in a group, and what is left of it.
#include <gmock/gmock.h>

#include <stdexcept>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

template <class E>
std::exception_ptr make(const char* what) {
  return std::make_exception_ptr(E(what));
}

ExceptionGroup nested() {
  return ExceptionGroup(
      "outer", {make<std::range_error>("a"), std::make_exception_ptr(ExceptionGroup(
                                                 "inner", {make<std::out_of_range>("b"), make<Boom>("c")}))});
}

TEST(ExceptionGroup, FindsWhatStandsInNestedGroupsToo) {
  std::vector<std::string> found;
  nested().for_each<std::out_of_range>([&](const auto& error) { found.emplace_back(error.what()); });
  EXPECT_THAT(found, ElementsAre("b"));
  EXPECT_TRUE(nested().contains<Boom>());
  EXPECT_FALSE(nested().contains<std::bad_alloc>());
}

TEST(ExceptionGroup, RestKeepsTheNestingOfWhatDoesNotMatch) {
  const std::exception_ptr rest = nested().rest<std::range_error, Boom>();
  EXPECT_EQ(text(rest), "group(group(b))");
  EXPECT_EQ(text(nested().rest<std::bad_alloc>()), text(std::make_exception_ptr(nested())));
  EXPECT_EQ((nested().rest<std::range_error, std::out_of_range, Boom>()), nullptr);
  EXPECT_EQ(nested().rest<std::exception>(), nullptr);
}

}  // namespace
}  // namespace coterie
