#include "coterie/sync/rw_lock.hpp"

#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

struct Page {
  RwLock lock;
  int readers = 0;
  int writers = 0;
};

template <class How>
Task<void, How> read(SeededLoop& seeded, Page& page) {
  ReadGuard guard = co_await page.lock.read();
  const Inside here(page.readers);
  EXPECT_EQ(page.writers, 0) << "a reader beside a writer";
  co_await linger(seeded.random());
}
template <class How>
Task<void, How> write(SeededLoop& seeded, Page& page) {
  WriteGuard guard = co_await page.lock.write();
  const Inside here(page.writers);
  EXPECT_EQ(page.writers, 1) << "two writers";
  EXPECT_EQ(page.readers, 0) << "a writer beside a reader";
  co_await linger(seeded.random());
}
Task<void> use(SeededLoop& seeded, Page& page) {
  co_await linger(seeded.random());
  auto round = [&]<class How>() -> Task<void, How> {
    return seeded.random().one_in(3) ? write<How>(seeded, page) : read<How>(seeded, page);
  };
  if (seeded.random().one_in(4)) co_await dropped(seeded, round);
  co_await rounds(seeded, round);
}

COTERIE_SEEDED_TEST(RwLockSimulation, OneWriterOrManyReaders, seeds) {
  Page page;
  Tasks tasks;
  for (std::uint64_t left = 3 + seeded.random().below(3); left > 0; --left)
    tasks.push_back(seeded.subject(spawn(use, std::ref(seeded), std::ref(page))));
  co_await all_end(seeded, tasks);
  EXPECT_EQ(page.lock.readers(), 0U);
  EXPECT_FALSE(page.lock.writing());
  EXPECT_EQ(page.lock.waiting(), 0U);
}

}  // namespace
}  // namespace coterie::simulation
