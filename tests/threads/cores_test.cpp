// How many cores are there for this process.
#include "coterie/threads/cores.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

#include "coterie/runtime.hpp"

namespace coterie {
namespace {

TEST(UsableCores, AreThoseThatTheThreadMayRunOn) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  EXPECT_EQ(usable_cores(), static_cast<std::size_t>(CPU_COUNT(&allowed)));
  std::thread([&allowed] {
    int core = 0;
    while (!CPU_ISSET(core, &allowed)) ++core;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(usable_cores(), 1U);
    EXPECT_EQ(Runtime().size(), 1U);  // a loop for each
  }).join();
}

}  // namespace
}  // namespace coterie
