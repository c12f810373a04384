// to_thread(): calls that run in threads (list P).
#include <gtest/gtest.h>

#include <atomic>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 240. test_threads::ToThreadTests.test_to_thread_concurrent
COTERIE_CASE(ThreadsExecutor, TenCallsAtOnce) {
  run([]() -> Task<void> {
    std::atomic<int> calls{0};
    auto call = [](std::atomic<int>& count) -> Co<void> {
      co_await to_thread([](std::atomic<int>& n) { n.fetch_add(1); }, std::ref(count));
    };
    std::vector<Co<void>> tasks;
    tasks.reserve(10);
    for (int i = 0; i < 10; ++i) tasks.push_back(call(calls));
    (void)co_await gather(std::move(tasks));
    EXPECT_EQ(calls.load(), 10);
  });
}

// 240. test_threads::ToThreadTests.test_to_thread_args_kwargs
COTERIE_CASE(ThreadsExecutor, ArgumentsTravel) {
  run([]() -> Task<void> {
    auto subject = []() -> Co<std::string> {
      std::string word = co_await to_thread(
          [](const std::string& part, int times) {
            std::string all;
            for (int i = 0; i < times; ++i) all += part;
            return all;
          },
          std::string("ab"), 3);
      co_return word;
    };
    std::string word = co_await subject();
    EXPECT_EQ(word, "ababab");
  });
}

}  // namespace
}  // namespace coterie
