#include "coterie/queue/id.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "src/queue/seeded_ids.hpp"

namespace coterie::queue {
namespace {

TEST(Uuid, IsWrittenAndReadInItsUsualForm) {
  const std::string text = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
  const std::optional<Uuid> id = parse_uuid(text);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->str(), text);
  EXPECT_EQ(id->bytes[0], 0x01);
  EXPECT_EQ(id->bytes[15], 0x5b);
  EXPECT_EQ(parse_uuid("0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B"), id);
  EXPECT_TRUE(Uuid{}.is_nil());
  EXPECT_EQ(parse_uuid(Uuid{}.str()), Uuid{});
}

TEST(Uuid, AnythingElseIsNotRead) {
  for (const char* text :
       {"", "0190a1b2", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b0",
        "0190a1b2xc3d4-7e5f-8a9b-0c1d2e3f4a5b", "g190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        "0190a1b2-c3d4-7e5f-8a9b00c1d2e3f4a5b", "{190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5}"}) {
    EXPECT_FALSE(parse_uuid(text)) << text;
  }
}

TEST(Uuid, ANewOneCarriesTheTimeTheVersionAndTheVariant) {
  using namespace std::chrono;
  const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  const Uuid id = new_uuid();
  std::int64_t stamp = 0;
  for (int i = 0; i < 6; ++i) stamp = (stamp << 8) | id.bytes[static_cast<std::size_t>(i)];
  EXPECT_GE(stamp, now);
  EXPECT_LE(stamp, now + 5'000);
  EXPECT_EQ(id.bytes[6] >> 4, 7);
  EXPECT_EQ(id.bytes[8] >> 6, 2);
}

TEST(Uuid, NewOnesGrowAlsoWithinAMillisecondAndAreDistinctAcrossThreads) {
  std::vector<std::vector<Uuid>> made(4);
  std::vector<std::thread> threads;
  for (std::vector<Uuid>& mine : made) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 20'000; ++i) mine.push_back(new_uuid());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<Uuid> distinct;
  for (const std::vector<Uuid>& mine : made) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    distinct.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(distinct.size(), 80'000U);
}

TEST(Uuid, AForkedChildDoesNotRepeatItsParentsRandomBytes) {
  (void)new_uuid();
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const pid_t child = fork();
  if (child == 0) {
    const Uuid id = new_uuid();
    (void)!write(fds[1], id.bytes.data(), 16);
    _exit(0);
  }
  Uuid theirs;
  ASSERT_EQ(read(fds[0], theirs.bytes.data(), 16), 16);
  waitpid(child, nullptr, 0);
  close(fds[0]);
  close(fds[1]);
  const Uuid ours = new_uuid();
  EXPECT_FALSE(std::equal(ours.bytes.begin() + 10, ours.bytes.end(), theirs.bytes.begin() + 10));
}

TEST(Uuid, ASeedDecidesTheNewOnesOfOneThreadForASimulation) {
  std::vector<Uuid> first;
  for (int round = 0; round < 2; ++round) {
    const SeededIds seeded(7);
    EXPECT_THROW(SeededIds(8), std::logic_error) << "one at a time";
    std::vector<Uuid> ids(3);
    for (Uuid& id : ids) id = new_uuid();
    EXPECT_EQ(std::set<Uuid>(ids.begin(), ids.end()).size(), 3U);
    if (round == 0) first = ids;
    EXPECT_EQ(ids, first);
    Uuid elsewhere;
    std::thread([&elsewhere] { elsewhere = new_uuid(); }).join();
    EXPECT_EQ(std::count(ids.begin(), ids.end(), elsewhere), 0);
  }
  EXPECT_EQ(std::count(first.begin(), first.end(), new_uuid()), 0) << "drawn again";
}

TEST(Uuid, ADerivedOneDependsOnItsSeedAlone) {
  const Uuid id = derived_uuid("run 7, line 12");
  EXPECT_EQ(derived_uuid("run 7, line 12"), id);
  EXPECT_NE(derived_uuid("run 7, line 13"), id);
  EXPECT_EQ(id.bytes[6] >> 4, 8);
  EXPECT_EQ(id.bytes[8] >> 6, 2);
  // SHA-256 of nothing begins e3b0c442 98fc1c14 9afbf4c8 996fb924.
  EXPECT_EQ(derived_uuid("").str(), "e3b0c442-98fc-8c14-9afb-f4c8996fb924");
}

}  // namespace
}  // namespace coterie::queue
