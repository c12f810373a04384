// Which shard has what, and where a worker goes: no server, and no clock but the test's.
#include "src/brokers/redis/routing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "coterie/queue/id.hpp"
#include "src/brokers/redis/itinerary.hpp"
#include "src/queue/beat.hpp"

namespace coterie::brokers::redis {
namespace {

using namespace std::chrono_literals;

// What is stored is found again by them: these numbers may never change.
TEST(Routing, IsTheSameForEver) {
  const queue::JobId id = *queue::parse_uuid("01890a5d-ac96-774b-bcce-b302099a8057");
  EXPECT_EQ(shard_of(id, 1), 0U);
  EXPECT_EQ(shard_of(id, 4), 3U);
  EXPECT_EQ(shard_of(id, 8), 3U);
  EXPECT_EQ(shard_of(id, 256), 85U);
  EXPECT_EQ(shard_of_note("schedule nightly", 8), 7U);
}

TEST(Routing, SpreadsIdsOfOneMillisecondAndDerivedOnesEvenly) {
  for (const bool derived : {false, true}) {
    std::vector<std::size_t> counts(8);
    for (int i = 0; i < 80'000; ++i)
      ++counts[shard_of(derived ? queue::derived_uuid(std::to_string(i)) : queue::new_uuid(), 8)];
    for (const std::size_t count : counts) {
      EXPECT_GT(count, 9'500U);  // five standard deviations
      EXPECT_LT(count, 10'500U);
    }
  }
}

TEST(Routing, EveryShardIsSomebodysHomeAndFewAreHomeToMany) {
  for (const std::uint32_t shards : {2U, 7U, 100U, 256U}) {
    for (const std::uint64_t workers : {1U, 3U, 99U, 100U, 1'000U}) {
      std::vector<std::size_t> count(shards);
      for (std::uint64_t rank = 0; rank < workers; ++rank)
        for (const std::uint32_t home : homes_of(rank, workers, shards)) ++count[home];
      const auto [least, most] = std::minmax_element(count.begin(), count.end());
      EXPECT_GE(*least, 1U);
      EXPECT_LE(*most - *least, 1U);
    }
  }
}

/// A worker that asks, at shards that answer as the test says.
class ItineraryTest : public testing::Test {
 public:
  static constexpr std::uint32_t shards = 6;
  static constexpr queue::Milliseconds lease{30'000};

  Itinerary::Call call(std::uint32_t want) {
    Itinerary::Call call;
    call.settles.resize(shards);
    call.told.resize(shards);
    call.want = want;
    call.width = 4;
    call.now = now;
    call.lease = lease;
    return call;
  }
  /// Goes there; each shard has `jobs` for it.
  void go(const std::vector<Visit>& visits, std::uint32_t jobs = 0) {
    for (const Visit& visit : visits) {
      Itinerary::Seen seen;
      seen.wanted = visit.want;
      seen.got = std::min(visit.want, jobs);
      seen.asleep = seen.got < visit.want;
      itinerary.note(visit.shard, seen, now);
      visited.push_back(visit.shard);
    }
  }
  /// Finds nothing anywhere.
  void fall_asleep() {
    itinerary.settle_at(0, 100, now);
    Itinerary::Call first = call(0);
    first.everywhere = true;
    go(itinerary.begin(first));
    for (auto visits = itinerary.go_on(10, 4); !visits.empty(); visits = itinerary.go_on(10, 4)) go(visits);
    visited.clear();
  }
  static std::uint32_t wanted(const std::vector<Visit>& visits) {
    std::uint32_t sum = 0;
    for (const Visit& visit : visits) sum += visit.want;
    return sum;
  }

  queue::Milliseconds now{1'000'000};
  Itinerary itinerary{shards};
  std::vector<std::uint32_t> visited;
};

TEST_F(ItineraryTest, AWorkerThatSleepsGoesOnlyWhereItWasTold) {
  fall_asleep();
  Itinerary::Call told = call(10);
  told.told[3] = true;
  const std::vector<Visit> visits = itinerary.begin(told);
  ASSERT_EQ(visits.size(), 1U);
  EXPECT_EQ(visits[0].shard, 3U);
  EXPECT_EQ(visits[0].want, 10U);
  go(visits, 1);
  EXPECT_TRUE(itinerary.go_on(9, 4).empty());
}

TEST_F(ItineraryTest, WhatIsWantedIsNeverAskedForTwice) {
  itinerary.settle_at(0, 2, now);
  Itinerary::Call busy = call(10);
  busy.settles[1] = busy.settles[2] = true;
  const std::vector<Visit> visits = itinerary.begin(busy);
  EXPECT_EQ(wanted(visits), 10U);
  std::set<std::uint32_t> distinct;
  for (const Visit& visit : visits) distinct.insert(visit.shard);
  EXPECT_EQ(distinct.size(), visits.size());
  EXPECT_TRUE(distinct.contains(1) && distinct.contains(2)) << "what has ended is said in any case";
}

TEST_F(ItineraryTest, ABusyWorkerTakesFromItsHomesAndVisitsEachOtherShardWithinTwoLeases) {
  itinerary.settle_at(1, 6, now);  // home: shard 1
  for (const auto end = now + 2 * lease + 10s; now < end; now += 1s) {
    const std::vector<Visit> visits = itinerary.begin(call(8));
    go(visits, 100);
    ASSERT_TRUE(itinerary.go_on(0, 4).empty());
  }
  const auto visits_of = [this](std::uint32_t shard) {
    return std::count(visited.begin(), visited.end(), shard);
  };
  EXPECT_GE(visits_of(1), 69);
  for (const std::uint32_t other : {0U, 2U, 3U, 4U, 5U}) {
    EXPECT_GE(visits_of(other), 1) << "shard " << other;
    EXPECT_LE(visits_of(other), 3) << "shard " << other;
  }
}

TEST_F(ItineraryTest, AQuietWorkerMakesOneCallAtATimeAndComesByEverywhereBeforeItsPlacesEnd) {
  fall_asleep();
  itinerary.settle_at(0, 100, now);
  const queue::Milliseconds place = itinerary.place_for(lease);
  std::vector<queue::Milliseconds> last(shards, now);
  for (int beat = 0; beat < 200; ++beat) {
    now += queue::looks_every(lease);
    const std::vector<Visit> visits = itinerary.begin(call(10));
    EXPECT_LE(visits.size(), 2U);
    go(visits);
    for (const Visit& visit : visits) {
      EXPECT_LT(now - last[visit.shard], place);
      last[visit.shard] = now;
    }
  }
  for (const queue::Milliseconds at : last) EXPECT_LT(now - at, place);
}

TEST_F(ItineraryTest, AShardWhereSomethingIsDueIsVisitedThen) {
  fall_asleep();
  Itinerary::Seen seen;
  seen.wanted = 1;
  seen.asleep = true;
  seen.due_in = 5s;
  itinerary.note(4, seen, now);
  EXPECT_EQ(itinerary.due(), now + 5s);
  now += 5s;
  const std::vector<Visit> visits = itinerary.begin(call(10));
  ASSERT_EQ(visits.size(), 1U);
  EXPECT_EQ(visits[0].shard, 4U);
}

TEST_F(ItineraryTest, AWorkerThatWantsNothingPassesOnWhatItIsTold) {
  fall_asleep();
  Itinerary::Call full = call(0);
  full.told[2] = true;
  const std::vector<Visit> visits = itinerary.begin(full);
  ASSERT_EQ(visits.size(), 1U);
  EXPECT_EQ(visits[0].shard, 2U);
  EXPECT_EQ(visits[0].want, 0U);
  EXPECT_TRUE(itinerary.begin(call(0)).empty());
}

}  // namespace
}  // namespace coterie::brokers::redis
