// What dumps and debuggers read: the chain of frames with its lines, and what each task waits for.
#include <gmock/gmock.h>
#include <malloc.h>

#include <thread>
#include <vector>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

struct Lines {
  unsigned leaf = 0;
  unsigned middle = 0;
  unsigned root = 0;
};

Task<int> leaf_function(Lines& lines) {
  lines.leaf = __LINE__ + 1;
  co_await sleep(1s);
  co_return 1;
}
Task<int> middle_function(Lines& lines) {
  (void)co_await give(1);  // an earlier await of the same coroutine
  lines.middle = __LINE__ + 1;
  const int value = co_await leaf_function(lines);
  co_return value;
}
Task<int> root_function(Lines& lines) {
  lines.root = __LINE__ + 1;
  const int value = co_await middle_function(lines);
  co_return value;
}

TEST(Frames, ChainFromTheInnermostToTheRootHasTheLinesOfTheAwaits) {
  run([]() -> Task<void> {
    Lines lines;
    auto task = spawn([](Lines& l) -> Task<int> { return root_function(l); }, std::ref(lines));
    co_await ticks(2);
    std::vector<unsigned> seen;
    std::vector<std::string> functions;
    const Frame* root = nullptr;
    for (const Frame* frame = task.state().innermost(); frame != nullptr; frame = frame->caller()) {
      seen.push_back(frame->awaiting().line());
      functions.emplace_back(frame->awaiting().function_name());
      if (seen.size() <= 3) {
        EXPECT_THAT(std::string(frame->awaiting().file_name()), EndsWith("frames_test.cpp"));
      }
      root = frame;
    }
    // Behind the three stands the coroutine that owns the arguments: the task's root.
    EXPECT_GE(seen.size(), 3U);
    seen.resize(3);
    functions.resize(3);
    EXPECT_EQ(seen[0], lines.leaf);
    EXPECT_EQ(seen[1], lines.middle);
    EXPECT_EQ(seen[2], lines.root);
    EXPECT_THAT(functions[0], HasSubstr("leaf_function"));
    EXPECT_THAT(functions[1], HasSubstr("middle_function"));
    EXPECT_THAT(functions[2], HasSubstr("root_function"));
    EXPECT_EQ(root->root_of(), &task.state());
    int value = co_await task;
    EXPECT_EQ(value, 1);
    EXPECT_EQ(task.state().innermost(), nullptr);
  });
}

TEST(Frames, ChainIsShorterAfterTheInnerHasEnded) {
  run([]() -> Task<void> {
    auto inner = []() -> Task<void> { co_await yield(); };
    auto outer = [](auto fn) -> Task<void> {
      co_await fn();
      co_await sleep(1s);
    };
    auto task = spawn(outer, inner);
    co_await ticks(3);
    int frames = 0;
    for (const Frame* frame = task.state().innermost(); frame != nullptr; frame = frame->caller()) ++frames;
    EXPECT_LE(frames, 2);  // outer, and the coroutine that owns the arguments
    co_await task;
  });
}

WaitKind kind_of(const TaskRec& task) {
  return task.waiting_on() != nullptr ? task.waiting_on()->wait_info().kind : WaitKind::none;
}
template <class T>
WaitKind kind_of(const JoinHandle<T>& task) {
  return kind_of(task.state());
}

TEST(Frames, EveryPrimitiveSaysWhatIsWaitedFor) {
  run([]() -> Task<void> {
    Lock lock;
    Semaphore semaphore(0);
    Event event;
    Queue<int> queue;
    Queue<int> full(1);
    full.put_nowait(1);
    Future<void> future;
    Completion<void> completion;
    co_await lock.acquire();
    auto target = spawn(sleeper, 1h);
    auto on_lock = spawn([](Lock& l) -> Task<void> { co_await l.acquire(); }, std::ref(lock));
    auto on_semaphore = spawn([](Semaphore& s) -> Task<void> { co_await s.acquire(); }, std::ref(semaphore));
    auto on_event = spawn([](Event& e) -> Task<void> { co_await e.wait(); }, std::ref(event));
    auto on_get = spawn([](Queue<int>& q) -> Task<void> { (void)co_await q.get(); }, std::ref(queue));
    auto on_put = spawn([](Queue<int>& q) -> Task<void> { co_await q.put(2); }, std::ref(full));
    auto on_join = spawn([](Queue<int>& q) -> Task<void> { co_await q.join(); }, std::ref(full));
    auto on_future = spawn(await_future<void>, future);
    auto on_thread = spawn([](Completion<void> c) -> Task<void> { co_await c.wait(); }, completion);
    auto on_task = spawn([](JoinHandle<void> t) -> Task<void> { co_await t; }, target);
    auto on_shield = spawn([](JoinHandle<void> t) -> Task<void> { co_await shield(t); }, target);
    auto on_gather = spawn([](JoinHandle<void> t) -> Task<void> { co_await gather(t, t); }, target);
    auto on_group = spawn([]() -> Task<void> {
      co_await task_group([](TaskGroup& group) -> Task<void> {
        group.spawn(sleeper, 1h);
        co_return;
      });
    });
    auto runnable = spawn([]() -> Task<void> { co_await ticks(100); });
    co_await ticks(3);
    EXPECT_EQ(kind_of(target), WaitKind::sleep);
    EXPECT_EQ(kind_of(on_lock), WaitKind::lock);
    EXPECT_EQ(on_lock.state().waiting_on()->wait_info().object, &lock);
    EXPECT_EQ(kind_of(on_semaphore), WaitKind::semaphore);
    EXPECT_EQ(kind_of(on_event), WaitKind::event);
    EXPECT_EQ(kind_of(on_get), WaitKind::queue_get);
    EXPECT_EQ(on_get.state().waiting_on()->wait_info().object, &queue);
    EXPECT_EQ(kind_of(on_put), WaitKind::queue_put);
    EXPECT_EQ(kind_of(on_join), WaitKind::queue_join);
    EXPECT_EQ(kind_of(on_future), WaitKind::future);
    EXPECT_EQ(kind_of(on_thread), WaitKind::thread);
    EXPECT_EQ(kind_of(on_task), WaitKind::task);
    EXPECT_EQ(on_task.state().waiting_on()->wait_info().object, &target.state());
    EXPECT_EQ(kind_of(on_shield), WaitKind::shield);
    EXPECT_EQ(kind_of(on_gather), WaitKind::gather);
    EXPECT_EQ(kind_of(on_group), WaitKind::group);
    EXPECT_EQ(kind_of(runnable), WaitKind::none);
    EXPECT_EQ(kind_of(EventLoop::require_task()), WaitKind::none);
    EXPECT_EQ(to_string(WaitKind::queue_get), "an item of a queue");
  });
}

TEST(Frames, TasksAreListedInOrderOfCreation) {
  run([]() -> Task<void> {
    auto a = spawn(named("a"), sleeper, 1h);
    auto b = spawn(named("b"), nop);
    auto c = spawn(named("c"), sleeper, 1h);
    co_await ticks(2);
    std::vector<std::string> names;
    for (TaskRec* task = EventLoop::current().first_task(); task != nullptr; task = task->next_task())
      names.push_back(task->name());
    EXPECT_THAT(names, ElementsAre("main", "a", "c"));
    EXPECT_EQ(EventLoop::current().task_count(), 3U);
    EXPECT_EQ(a.state().spawned_at().line() != 0, true);
    EXPECT_TRUE(b.done());
    EXPECT_TRUE(c.state().started());
  });
}

// What a sleeping task costs, with its frame: a larger record would take a larger block.
static_assert(sizeof(detail::TaskState<void>) <= 168);
static_assert(sizeof(detail::SleepAwaiter) <= 72);

TEST(Frames, FreedBlocksAreUsedAgain) {
  if (sanitized) GTEST_SKIP() << "everything goes to the heap under a sanitizer";
  void* first = allocate_frame(123);
  free_frame(first, 123);
  void* second = allocate_frame(136);  // the same class of 16 bytes
  EXPECT_EQ(first, second);
  void* large = allocate_frame(5000);
  free_frame(large, 5000);
  free_frame(second, 136);
}

TEST(Frames, AThreadKeepsSixteenMebibytesOfFreedBlocksAtMostForWhateverSizes) {
  if (sanitized) GTEST_SKIP() << "everything goes to the heap under a sanitizer";
  constexpr std::size_t mebibyte = std::size_t{1} << 20;
  const auto in_use = [] { return mallinfo2().uordblks; };
  const auto take = [](std::size_t bytes, std::size_t count) {
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < count; ++i) blocks.push_back(allocate_frame(bytes));
    return blocks;
  };
  const auto come_and_go = [&](std::size_t bytes) {
    for (void* block : take(bytes, 40 * mebibyte / bytes)) free_frame(block, bytes);
  };
  std::size_t before = 0;
  std::thread([&] {
    before = in_use();
    come_and_go(200);
    EXPECT_LE(in_use() - before, 17 * mebibyte);
    EXPECT_GE(in_use() - before, 15 * mebibyte);  // one size may have it all
    for (std::size_t bytes = 264; bytes < 2000; bytes += 128) {
      come_and_go(bytes);
      EXPECT_LE(in_use() - before, 17 * mebibyte) << bytes;
    }
    const std::size_t kept = in_use();  // and each that comes has its part of it
    const std::vector<void*> blocks = take(1928, mebibyte / 4 / 1928);
    EXPECT_LE(in_use() - kept, mebibyte / 64);
    for (void* block : blocks) free_frame(block, 1928);
  }).join();
  EXPECT_LE(in_use(), before + mebibyte);  // nothing is left with the thread
}

TEST(Frames, BlocksMayBeFreedOnAnotherThread) {
  std::vector<void*> blocks;
  for (std::size_t bytes = 1; bytes < 4096; bytes += 61) blocks.push_back(allocate_frame(bytes));
  std::thread([&] {
    std::size_t bytes = 1;
    for (void* block : blocks) {
      free_frame(block, bytes);
      bytes += 61;
    }
    void* mine = allocate_frame(64);
    free_frame(mine, 64);
  }).join();
}

}  // namespace
}  // namespace coterie
