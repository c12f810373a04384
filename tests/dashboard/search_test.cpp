// How long a look takes where few jobs match: it is cut short, in virtual time, and says so.
#include "src/dashboard/search.hpp"

#include <gtest/gtest.h>

#include "coterie/sleep.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "tests/support/forwarding_broker.hpp"

namespace coterie::dashboard_test {
namespace {

using namespace std::chrono_literals;

/// Endless jobs, none of which matches; each call takes 60 ms.
class Endless final : public tests::ForwardingBroker {
 public:
  Endless() : ForwardingBroker(queue::open_broker("memory://")) {}
  Task<queue::JobPage> list(queue::JobFilter filter) override {
    co_await sleep(60ms);
    queue::JobPage page;
    page.next = filter.after + 1;
    page.looked = 100;
    co_return page;
  }
};

struct Took {
  Duration list{0};
  Duration count{0};
  Took() = default;
};

Task<void> look(std::string text, Took* took) {
  const auto broker = std::make_shared<Endless>();
  const dashboard::Filter filter = dashboard::Filter::parse(text);
  const TimePoint start = EventLoop::current().now();
  Task<dashboard::Found> searching = dashboard::search(broker, filter, {});
  const dashboard::Found found = co_await std::move(searching);
  EXPECT_TRUE(found.bounded);
  EXPECT_NE(found.next, 0U);
  const TimePoint listed = EventLoop::current().now();
  Task<dashboard::Count> counting = dashboard::count(broker, filter);
  const dashboard::Count counted = co_await std::move(counting);
  EXPECT_NE(counted.next, 0U);
  took->list = listed - start;
  took->count = EventLoop::current().now() - listed;
}

Took took(const std::string& text) {
  Took took;
  coterie::testing::VirtualLoop loop;
  loop.run(look(text, &took));
  return took;
}

TEST(Search, WhatTheBrokerChoosesByIsThereWithinATinyPartOfASecond) {
  const Took simple = took("name:rare");
  EXPECT_EQ(simple.list, 240ms);
  EXPECT_EQ(simple.count, 240ms) << "a number is no more worth waiting for than a page";
}

TEST(Search, WhatHasToBeLookedForJobByJobTakesASecondAtMost) {
  const Took scan = took("args:rare");
  EXPECT_EQ(scan.list, 1020ms);
  EXPECT_EQ(scan.count, 1020ms);
}

}  // namespace
}  // namespace coterie::dashboard_test
