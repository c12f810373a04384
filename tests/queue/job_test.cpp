#include "coterie/queue/job.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "coterie/queue/broker.hpp"
#include "src/queue/clock.hpp"
#include "src/queue/validate.hpp"

namespace coterie::queue {
namespace {

using namespace std::chrono_literals;

TEST(JobState, EveryNameIsReadBack) {
  for (int i = 0; i < job_state_count; ++i) {
    const auto state = static_cast<JobState>(i);
    EXPECT_EQ(parse_job_state(to_string(state)), state);
    EXPECT_EQ(is_final(state), i >= 5);
  }
  EXPECT_FALSE(parse_job_state("Ready"));
  EXPECT_FALSE(parse_job_state(""));
}

TEST(Backoff, GrowsByItsFactorUpToItsCap) {
  Backoff backoff;
  backoff.base = 100ms;
  backoff.factor = 3;
  backoff.cap = 2s;
  backoff.jitter = 0;
  EXPECT_EQ(backoff.delay_after(1, 0.9), 100ms);
  EXPECT_EQ(backoff.delay_after(2, 0.9), 300ms);
  EXPECT_EQ(backoff.delay_after(3, 0.9), 900ms);
  EXPECT_EQ(backoff.delay_after(4, 0.9), 2s);
  EXPECT_EQ(backoff.delay_after(std::numeric_limits<std::uint32_t>::max(), 0.9), 2s);
}

TEST(Backoff, JitterOnlyShortensAndOnlyByItsPart) {
  Backoff backoff;
  backoff.base = 1000ms;
  backoff.jitter = 0.5;
  EXPECT_EQ(backoff.delay_after(1, 0.0), 1000ms);
  EXPECT_EQ(backoff.delay_after(1, 0.5), 750ms);
  EXPECT_GE(backoff.delay_after(1, 0.999999), 500ms);
}

TEST(Backoff, StaysWithinBoundsWhateverItHolds) {
  Backoff backoff;
  backoff.cap = Milliseconds::max();
  backoff.factor = 1e300;
  EXPECT_GT(backoff.delay_after(1'000'000, 0), 0ms);
  backoff.base = 0ms;
  EXPECT_GE(backoff.delay_after(5, 0.5), 0ms);
}

TEST(Text, IsCleanedAndCutAtACharacter) {
  EXPECT_EQ(clean_text("plain", 100), "plain");
  EXPECT_EQ(clean_text("äöü", 5), "äö");
  EXPECT_EQ(clean_text("a\xff"
                       "b",
                       100),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(clean_text(std::string_view("\0x", 2), 100), "\xEF\xBF\xBDx");
  EXPECT_EQ(clean_text("\xED\xA0\x80", 3), "\xEF\xBF\xBD") << "a surrogate is no character";
  EXPECT_EQ(clean_text("\xF0\x9F", 100), "\xEF\xBF\xBD\xEF\xBF\xBD") << "it ends in the middle";
  EXPECT_EQ(clean_text("line\nnext\ttab", 100), "line\nnext\ttab");
}

TEST(Text, NamesArePrintableUtf8) {
  EXPECT_TRUE(is_printable_utf8("größe 日本 🎉"));
  for (const char* bad :
       {"\n", "\x7f", "\xc2\x85", "\xc0\xaf", "\xe0\x80\xaf", "\xf4\x90\x80\x80", "\xff", "\xe2\x82"}) {
    EXPECT_FALSE(is_printable_utf8(bad));
  }
}

TEST(BrokerClock, TellsAStepOfTheWallFromTimeThatPassed) {
  ClockReading reading{1'000'000, 0ms};
  BrokerClock clock([&reading] { return reading; });
  EXPECT_EQ(clock.tick().now, 1'000'000);
  reading = {1'060'000, 60s};
  BrokerClock::Tick tick = clock.tick();
  EXPECT_EQ(tick.now, 1'060'000);
  EXPECT_EQ(tick.jumped, 0ms);
  reading = {1'160'000, 70s};
  tick = clock.tick();
  EXPECT_EQ(tick.now, 1'160'000);
  EXPECT_EQ(tick.jumped, 90s);
  reading = {1'000'000, 80s};
  tick = clock.tick();
  EXPECT_EQ(tick.now, 1'160'000) << "never backwards";
  EXPECT_EQ(tick.jumped, 0ms);
}

}  // namespace
}  // namespace coterie::queue
