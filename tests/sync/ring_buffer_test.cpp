// What a queue keeps its items in.
#include "coterie/sync/ring_buffer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "coterie/testing/random.hpp"

namespace coterie {
namespace {
using detail::RingBuffer;

TEST(RingBuffer, KeepsTheOrderWhileItTurnsGrowsAndShrinks) {
  testing::Random random(1);
  RingBuffer<std::unique_ptr<int>> items;
  int put = 0;
  int got = 0;
  for (int round = 0; round < 200; ++round) {
    for (std::uint64_t i = random.below(100); i > 0; --i) items.push_back(std::make_unique<int>(put++));
    for (std::uint64_t i = random.below(110); i > 0 && items.size() > 0; --i)
      ASSERT_EQ(*items.pop_front(), got++);
    ASSERT_EQ(items.size(), static_cast<std::size_t>(put - got));
  }
  EXPECT_GT(got, 1000);  // and those that are left go with it
}

TEST(RingBuffer, ALargeOneIsGivenBackWhenTheLastItemLeaves) {
  constexpr std::size_t many = RingBuffer<int>::kept_bytes;
  RingBuffer<int> items;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < many; ++i) items.push_back(7);
    while (items.size() > 1) (void)items.pop_front();
    EXPECT_GE(items.capacity(), many);
    (void)items.pop_front();
    EXPECT_EQ(items.capacity(), 0U);
  }
  items.push_back(7);
  const std::size_t little = items.capacity();
  (void)items.pop_front();
  EXPECT_EQ(items.capacity(), little);
}

TEST(RingBuffer, OverAlignedItemsStandWhereTheyMust) {
  struct alignas(64) Wide {
    int value;
  };
  RingBuffer<Wide> items;
  for (int i = 0; i < 100; ++i) items.push_back(Wide{i});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(items.pop_front().value, i);
}

/// Throws when it is copied for the time that was told.
struct Fragile {
  explicit Fragile(int number) : value(number) {}
  Fragile(const Fragile& other) : value(other.value) {
    if (--copies_left == 0) throw std::runtime_error("no copy");
  }
  Fragile(Fragile&& other) noexcept(false) : value(other.value) { other.value = -1; }
  Fragile& operator=(const Fragile&) = delete;
  int value;
  static int copies_left;
};
int Fragile::copies_left = 0;

TEST(RingBuffer, AnExceptionWhileItGrowsLosesNoItem) {
  RingBuffer<Fragile> items;
  Fragile::copies_left = 0;
  while (items.size() == 0 || items.size() < items.capacity())
    items.push_back(Fragile(static_cast<int>(items.size())));
  const std::size_t before = items.size();
  Fragile::copies_left = 5;
  EXPECT_THROW(items.push_back(Fragile(0)), std::runtime_error);
  ASSERT_EQ(items.size(), before);
  for (std::size_t i = 0; i < before; ++i) ASSERT_EQ(items.pop_front().value, static_cast<int>(i));
}

}  // namespace
}  // namespace coterie
