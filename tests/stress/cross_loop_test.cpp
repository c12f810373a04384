// Sixteen loops on sixteen threads that do everything to each other at once, while others open and close.
// What is checked at the end: every sum, the order of each producer at each loop, and that nothing is left
// alive.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

constexpr std::size_t loop_count = 16;
constexpr std::size_t drivers_per_loop = 8;
constexpr std::size_t driver_count = loop_count * drivers_per_loop;
constexpr int cycles = 450;
constexpr std::int64_t least_operations = 1'000'000;

/// Travels as an argument and as a result, and counts how many there are.
class Parcel {
 public:
  explicit Parcel(std::int64_t value) : value_(std::make_unique<std::int64_t>(value)) { ++alive; }
  Parcel(const Parcel& other) : value_(std::make_unique<std::int64_t>(*other.value_)) { ++alive; }
  Parcel(Parcel&& other) noexcept : value_(std::move(other.value_)) { ++alive; }
  Parcel& operator=(const Parcel&) = delete;
  ~Parcel() { --alive; }
  [[nodiscard]] std::int64_t value() const { return *value_; }
  static inline std::atomic<std::int64_t> alive{0};

 private:
  std::unique_ptr<std::int64_t> value_;
};

/// What one loop has seen; its thread's alone.
struct Seen {
  std::array<std::int64_t, driver_count> last{};  // of each producer's posts
  std::int64_t out_of_order = 0;
  std::int64_t detached = 0;
  std::int64_t posts = 0;
};

/// A loop that is opened and closed all the time.
class Revolving {
 public:
  std::shared_ptr<Inbox> inbox() {
    const std::lock_guard lock(mutex_);
    return inbox_;
  }
  void set(std::shared_ptr<Inbox> inbox) {
    const std::lock_guard lock(mutex_);
    inbox_ = std::move(inbox);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<Inbox> inbox_;
};

struct World {
  explicit World(Runtime& loops) : runtime(loops) {}
  Runtime& runtime;
  std::array<Seen, loop_count> seen;
  Revolving revolving;
  std::atomic<std::int64_t> operations{0};
  std::atomic<std::int64_t> wrong{0};
  std::atomic<std::int64_t> ran_after_cancel{0};
  std::atomic<std::int64_t> sent_detached{0};
  std::atomic<std::int64_t> sent_posts{0};
  std::atomic<std::int64_t> answered{0};  // by a revolving loop
  std::atomic<std::int64_t> closed{0};    // before it answered
};

Task<Parcel> echo(Parcel parcel) {
  const std::int64_t value = parcel.value();
  if (value % 3 == 0) co_await yield();
  if (value % 7 == 0) co_await sleep(Duration(1));
  co_return Parcel(value + 1);
}
Task<void> wait_for_ever(Parcel parcel) {
  co_await Future<void>();
  (void)parcel.value();
}
Task<void> count_detached(Seen& seen, Parcel parcel) {
  co_await yield();
  seen.detached += parcel.value();
}

/// One of many tasks of a loop, and what it does to all others.
class Driver {
 public:
  Driver(World& world, std::size_t id)
      : world_(world), id_(id), random_(static_cast<std::uint32_t>(id + 1)) {}
  ~Driver() { world_.operations += operations_; }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  Task<void> run() {
    for (int cycle = 0; cycle < cycles; ++cycle) {
      co_await call_and_await(cycle);
      for (int i = 0; i < 4; ++i) post();
      co_await cancel();
      co_await cancel_by_its_waiter();
      cancel_a_callback();
      detach();
      if (cycle % 16 == 0) co_await call_a_revolving_loop(cycle);
    }
  }

 private:
  std::size_t pick() { return random_() % loop_count; }

  Task<void> call_and_await(std::int64_t value) {
    std::vector<RemoteHandle<Parcel>> calls;
    for (int i = 0; i < 4; ++i)
      calls.push_back(spawn_on(world_.runtime.loop(pick()), echo, Parcel(value + i)));
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const Parcel answer = co_await std::move(calls[i]);
      if (answer.value() != value + static_cast<std::int64_t>(i) + 1) ++world_.wrong;
    }
    operations_ += 8;
  }

  void post() {
    const std::size_t to = pick();
    const std::int64_t number = ++sent_[to];
    world_.runtime.loop(to).call_soon_threadsafe([&seen = world_.seen[to], id = id_, number] {
      if (std::exchange(seen.last[id], number) != number - 1) ++seen.out_of_order;
      ++seen.posts;
    });
    ++world_.sent_posts;
    ++operations_;
  }

  Task<void> cancel() {
    auto handle = spawn_on(world_.runtime.loop(pick()), wait_for_ever, Parcel(1));
    handle.cancel("enough");
    Outcome<void> end = co_await outcome(handle);
    if (!end.cancelled()) ++world_.wrong;
    operations_ += 3;
  }

  Task<void> cancel_by_its_waiter() {
    auto handle = spawn_on(world_.runtime.loop(pick()), wait_for_ever, Parcel(1));
    auto waiter = spawn([](RemoteHandle<void> remote) -> Task<void> { co_await remote; }, handle);
    co_await yield();
    waiter.cancel();
    Outcome<void> end = co_await outcome(waiter);
    if (!end.cancelled() || !handle.done()) ++world_.wrong;
    operations_ += 3;
  }

  void cancel_a_callback() {
    struct Race {
      std::atomic<bool> ran{false};
      std::atomic<bool> cancelled{false};
    };
    auto race = std::make_shared<Race>();
    World& world = world_;
    const ThreadsafeHandle handle = world.runtime.loop(pick()).call_soon_threadsafe([race, &world] {
      race->ran = true;
      if (race->cancelled) ++world.ran_after_cancel;
    });
    if (random_() % 2 == 0) std::this_thread::yield();
    handle.cancel();
    race->cancelled = true;  // from here on it neither starts nor runs
    if (!handle.cancelled()) ++world_.wrong;
    operations_ += 2;
  }

  void detach() {
    const std::size_t to = pick();
    spawn_on(world_.runtime.loop(to), count_detached, std::ref(world_.seen[to]), Parcel(1));
    ++world_.sent_detached;
    ++operations_;
  }

  Task<void> call_a_revolving_loop(std::int64_t value) {
    const std::shared_ptr<Inbox> inbox = world_.revolving.inbox();
    Outcome<Parcel> end = co_await outcome(spawn_on(inbox, echo, Parcel(value)));
    operations_ += 2;
    try {
      if (end.get().value() != value + 1) ++world_.wrong;
      ++world_.answered;
    } catch (const LoopClosed&) {
      ++world_.closed;
    }
  }

  World& world_;
  const std::size_t id_;
  std::minstd_rand random_;
  std::array<std::int64_t, loop_count> sent_{};
  std::int64_t operations_ = 0;
};

Task<void> drive(World& world, std::size_t id) {
  Driver driver(world, id);
  co_await driver.run();
}

TEST(Stress, SixteenLoopsDoEverythingToEachOther) {
  std::int64_t closes = 0;
  {
    RuntimeOptions options;
    options.loops = loop_count;
    options.name = "stress";
    std::atomic<std::int64_t> reports{0};
    options.exception_handler = [&](const ErrorContext&) { ++reports; };
    RuntimeOptions one = options;
    one.loops = 1;
    Runtime runtime(options);
    World world(runtime);
    std::atomic<bool> over{false};
    auto revolving = std::make_unique<Runtime>(one);
    world.revolving.set(revolving->loop(0).inbox());
    std::thread door([&] {
      while (!over) {
        auto next = std::make_unique<Runtime>(one);
        world.revolving.set(next->loop(0).inbox());
        revolving = std::move(next);  // closes the one before, with calls under way
        ++closes;
      }
    });
    std::vector<RemoteHandle<void>> drivers;
    for (std::size_t id = 0; id < driver_count; ++id)
      drivers.push_back(spawn_on(runtime.loop(id % loop_count), drive, std::ref(world), id));
    for (auto& driver : drivers) driver.get();
    drivers.clear();
    over = true;
    door.join();
    // Everything that was sent arrives before the answer to what is sent last.
    Seen total;
    for (std::size_t i = 0; i < loop_count; ++i) {
      call_on(runtime.loop(i), [] {}).get();
      while (all_tasks_threadsafe(runtime.loop(i)).get().size() > 0) std::this_thread::yield();
      total.out_of_order += world.seen[i].out_of_order;
      total.detached += world.seen[i].detached;
      total.posts += world.seen[i].posts;
    }
    EXPECT_TRUE(runtime.stop().empty());
    revolving.reset();
    EXPECT_GE(world.operations.load(), least_operations);
    EXPECT_EQ(world.wrong.load(), 0);
    EXPECT_EQ(world.ran_after_cancel.load(), 0);
    EXPECT_EQ(total.out_of_order, 0);
    EXPECT_EQ(total.posts, world.sent_posts.load());
    EXPECT_EQ(total.detached, world.sent_detached.load());
    EXPECT_EQ(world.answered + world.closed, static_cast<std::int64_t>(driver_count) * ((cycles + 15) / 16));
    EXPECT_EQ(reports.load(), 0);
    RecordProperty("operations", static_cast<int>(world.operations));
    std::printf("%lld operations, %lld loops closed, %lld calls answered, %lld met a closed loop\n",
                static_cast<long long>(world.operations), static_cast<long long>(closes),
                static_cast<long long>(world.answered), static_cast<long long>(world.closed));
  }
  EXPECT_EQ(Parcel::alive.load(), 0);
}

}  // namespace
}  // namespace coterie
