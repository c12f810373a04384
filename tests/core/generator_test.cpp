// AsyncGenerator: items, ends, and cancels.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

AsyncGenerator<int> count_to(int last) {
  for (int i = 1; i <= last; ++i) co_yield i;
}
AsyncGenerator<int> count_slowly(int last) {
  for (int i = 1; i <= last; ++i) {
    co_await sleep(1s);
    co_yield i;
  }
}
Task<std::vector<int>> collect(AsyncGenerator<int> numbers) {
  std::vector<int> items;
  while (int* item = co_await numbers.next()) items.push_back(*item);
  co_return items;
}
template <class How>
Task<void, How> consume(AsyncGenerator<int>& numbers) {
  while (int* item = co_await numbers.next()) (void)*item;
}

TEST(Generator, GivesItemsWithoutATickWhenItDoesNotSuspend) {
  run([]() -> Task<void> {
    TickCounter counter;
    std::vector<int> items = co_await collect(count_to(3));
    EXPECT_THAT(items, ElementsAre(1, 2, 3));
    EXPECT_EQ(counter.count(), 0);
  });
}

TEST(Generator, AwaitsBetweenItems) {
  run([]() -> Task<void> {
    std::vector<int> items = co_await collect(count_slowly(3));
    EXPECT_THAT(items, ElementsAre(1, 2, 3));
    EXPECT_EQ(seconds(), 3);
  });
}

TEST(Generator, EndsForGood) {
  run([]() -> Task<void> {
    AsyncGenerator<int> none = count_to(0);
    EXPECT_FALSE(none.done());
    for (int i = 0; i < 2; ++i) {
      int* item = co_await none.next();
      EXPECT_EQ(item, nullptr);
      EXPECT_TRUE(none.done());
    }
  });
}

TEST(Generator, MillionItemsTakeNoStack) {
  run([]() -> Task<void> {
    AsyncGenerator<int> numbers = count_to(1'000'000);
    std::int64_t sum = 0;
    while (int* item = co_await numbers.next()) sum += *item;
    EXPECT_EQ(sum, 500'000'500'000);
  });
}

TEST(Generator, ItemsThatWereAwaitedTakeNoStackEither) {
  run([]() -> Task<void> {
    auto yielding = []() -> AsyncGenerator<int> {
      for (int i = 0; i < 100'000; ++i) {
        co_await yield();
        co_yield i;
      }
    };
    AsyncGenerator<int> numbers = yielding();
    int count = 0;
    while (co_await numbers.next() != nullptr) ++count;
    EXPECT_EQ(count, 100'000);
  });
}

AsyncGenerator<std::string> texts(const std::string& kept, std::string owned) {
  std::string named = "a named variable, longer than the small string";
  co_yield named;
  EXPECT_EQ(named, "moved from and written");
  co_yield std::move(owned);
  co_yield kept;  // const: the consumer gets a copy
  co_yield "a literal is converted, and longer than the small string";
  co_yield std::string("a temporary with a constructor, longer than the small string");
}

TEST(Generator, ItemIsTheYieldedVariableACopyOfAConstantOrTheConvertedValue) {
  run([]() -> Task<void> {
    const std::string kept = "a constant, longer than the small string";
    AsyncGenerator<std::string> items = texts(kept, "an argument, longer than the small string");
    std::string* item = co_await items.next();
    std::string moved = std::move(*item);
    *item = "moved from and written";
    EXPECT_EQ(moved, "a named variable, longer than the small string");
    item = co_await items.next();
    EXPECT_EQ(*item, "an argument, longer than the small string");
    item = co_await items.next();
    EXPECT_EQ(*item, kept);
    *item = "changed";
    EXPECT_EQ(kept, "a constant, longer than the small string");
    item = co_await items.next();
    EXPECT_EQ(*item, "a literal is converted, and longer than the small string");
    item = co_await items.next();
    EXPECT_EQ(*item, "a temporary with a constructor, longer than the small string");
    item = co_await items.next();
    EXPECT_EQ(item, nullptr);
  });
}

TEST(Generator, MoveOnlyItems) {
  run([]() -> Task<void> {
    auto make = []() -> AsyncGenerator<std::unique_ptr<int>> {
      for (int i = 1; i <= 2; ++i) co_yield std::make_unique<int>(i);
    };
    AsyncGenerator<std::unique_ptr<int>> items = make();
    std::vector<std::unique_ptr<int>> kept;
    while (std::unique_ptr<int>* item = co_await items.next()) kept.push_back(std::move(*item));
    EXPECT_EQ(kept.size(), 2U);
    EXPECT_EQ(*kept.back(), 2);
  });
}

TEST(Generator, ErrorComesOutOfNextAndEndsIt) {
  run([]() -> Task<void> {
    for (const bool later : {false, true}) {
      auto failing = [](bool wait) -> AsyncGenerator<int> {
        co_yield 1;
        if (wait) co_await yield();
        throw Boom();
      };
      AsyncGenerator<int> numbers = failing(later);
      (void)co_await numbers.next();
      Outcome<int*> end = co_await outcome(numbers.next());
      EXPECT_THROW(end.get(), Boom);
      EXPECT_TRUE(numbers.done());
      int* item = co_await numbers.next();
      EXPECT_EQ(item, nullptr);
    }
  });
}

COTERIE_CASE(Generator, CancelOfTheConsumerGoesThroughIt) {
  run([]() -> Task<void> {
    std::string seen;
    auto watching = [](std::string& out) -> AsyncGenerator<int> {
      co_yield 1;
      Outcome<void> end = co_await outcome(sleep(1h));
      out = text(end);
      co_await sleep(1s);  // cleanup may await
      end.get();
    };
    AsyncGenerator<int> numbers = watching(seen);
    auto consumer = spawn(consume<How>, std::ref(numbers));
    co_await ticks(2);
    consumer.cancel("enough");
    std::string end = co_await end_of(consumer);
    EXPECT_EQ(end, "cancelled: enough");
    EXPECT_EQ(seen, "cancelled: enough");
    EXPECT_EQ(seconds(), 1);
    EXPECT_TRUE(numbers.done());
  });
}

COTERIE_CASE(Generator, TimeoutInsideWorks) {
  run([]() -> Task<void> {
    AsyncGenerator<int> numbers = count_slowly(9);
    std::string end = co_await end_of(wait_for(2500ms, consume<How>(numbers)));
    EXPECT_EQ(end, "timeout");
    EXPECT_EQ(seconds(), 2.5);
    EXPECT_TRUE(numbers.done());
  });
}

}  // namespace
}  // namespace coterie
