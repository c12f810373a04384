// The heap of timers against a model: order, removal at random, never early.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "coterie/core/timer_heap.hpp"

namespace coterie {
namespace {
using namespace std::chrono_literals;

struct Node final : Timer {
  explicit Node(int number) : id(number) {}
  void run() noexcept override {}
  int id;
};

TEST(TimerHeapOrder, RandomArmingAndRemovalAgainstAModel) {
  for (const unsigned seed : {1U, 2U, 3U, 4U, 5U}) {
    std::mt19937 random(seed);
    TimerHeap heap;
    using Key = std::pair<TimePoint, int>;  // of equal deadlines the one that was armed first
    std::map<Key, Node*> model;
    std::vector<std::unique_ptr<Node>> nodes;
    TimePoint now{};
    for (int step = 0; step < 5000; ++step) {
      const auto choice = random() % 10;
      if (choice < 6) {
        nodes.push_back(std::make_unique<Node>(step));
        const TimePoint when = now + std::chrono::milliseconds(random() % 50);
        heap.push(*nodes.back(), when);
        model.emplace(Key(when, step), nodes.back().get());
        EXPECT_TRUE(nodes.back()->armed());
      } else if (choice < 8 && !model.empty()) {
        auto victim = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
        heap.remove(*victim->second);
        EXPECT_FALSE(victim->second->armed());
        model.erase(victim);
      } else {
        now += std::chrono::milliseconds(random() % 10);
        while (Timer* due = heap.pop_due(now)) {
          ASSERT_FALSE(model.empty());
          ASSERT_EQ(due, model.begin()->second) << "seed " << seed << " step " << step;
          ASSERT_LE(model.begin()->first.first, now);
          model.erase(model.begin());
        }
        if (!model.empty()) {
          ASSERT_GT(model.begin()->first.first, now);
        }
      }
      ASSERT_EQ(heap.size(), model.size());
      // Not after each step: what is armed and not yet in the heap is removed too.
      if (!model.empty() && random() % 8 == 0) {
        ASSERT_EQ(heap.earliest(), model.begin()->first.first);
      }
    }
    while (Timer* left = heap.pop_any()) {
      ASSERT_EQ(left, model.begin()->second);
      model.erase(model.begin());
    }
    EXPECT_TRUE(heap.empty());
  }
}

TEST(TimerHeapOrder, NeverEarly) {
  TimerHeap heap;
  Node node(1);
  const TimePoint when = TimePoint() + 1s;
  heap.push(node, when);
  EXPECT_EQ(heap.pop_due(when - 1ns), nullptr);
  EXPECT_EQ(heap.pop_due(when), &node);
  EXPECT_EQ(heap.pop_due(when), nullptr);
}

}  // namespace
}  // namespace coterie
