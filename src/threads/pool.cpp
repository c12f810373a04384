#include "coterie/threads/pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "coterie/loop.hpp"
#include "coterie/threads/cores.hpp"
#include "coterie/threads/settlement.hpp"

namespace coterie {

/// Kept by the pool and by each of its threads, so that one that was detached finds it still there.
struct ThreadPool::State : detail::Settlement {  // settled when it stops and the last thread has left
  struct Member {
    std::thread thread;
    bool gone = false;  // it has left, or was detached
  };

  explicit State(std::size_t threads)
      : limit(threads != 0 ? threads : std::min<std::size_t>(32, usable_cores() + 4)) {}

  void serve(Member& self) {
    pthread_setname_np(pthread_self(), "coterie-pool");
    std::unique_lock lock(mutex);
    while (std::unique_ptr<Work> work = next(lock)) {
      lock.unlock();
      work->run();
      work.reset();
      lock.lock();
    }
    self.gone = true;
    if (--running == 0) settle([] {});
    left.notify_all();
  }

  std::unique_ptr<Work> next(std::unique_lock<std::mutex>& lock) {
    ++idle;
    ready.wait(lock, [this] { return stopping || !queue.empty(); });
    --idle;
    if (queue.empty()) return nullptr;
    std::unique_ptr<Work> work = std::move(queue.front());
    queue.pop_front();
    return work;
  }

  const std::size_t limit;
  std::mutex mutex;
  std::condition_variable ready;
  std::condition_variable left;
  std::deque<std::unique_ptr<Work>> queue;
  std::list<Member> members;
  std::size_t running = 0;  // members that have not left
  std::size_t idle = 0;
  bool stopping = false;
};

ThreadPool::ThreadPool(std::size_t threads) : state_(std::make_shared<State>(threads)) {}

ThreadPool::~ThreadPool() {
  shutdown();
}

ThreadPool& ThreadPool::shared() {
  struct Default {
    ThreadPool pool;
    ~Default() { pool.shutdown(std::chrono::seconds(300)); }
  };
  static Default shared;
  return shared.pool;
}

std::size_t ThreadPool::thread_limit() const noexcept {
  return state_->limit;
}

void ThreadPool::submit(std::unique_ptr<Work> work) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.stopping) throw std::logic_error("the thread pool has been shut down");
  state.queue.push_back(std::move(work));
  if (state.idle < state.queue.size() && state.members.size() < state.limit) {
    State::Member& member = state.members.emplace_back();
    try {
      member.thread = std::thread([kept = state_, &member] { kept->serve(member); });
      ++state.running;
    } catch (...) {  // no more threads to be had: those that run will come to it
      state.members.pop_back();
      if (state.running == 0) {
        state.queue.pop_back();
        throw;
      }
    }
  }
  state.ready.notify_one();
}

void ThreadPool::request_shutdown() noexcept {
  State& state = *state_;
  std::deque<std::unique_ptr<Work>> dropped;  // destroyed outside the lock: work owns its callers' arguments
  const std::lock_guard lock(state.mutex);
  state.stopping = true;
  dropped.swap(state.queue);
  state.ready.notify_all();
  if (state.running == 0) state.settle([] {});
}

std::size_t ThreadPool::shutdown(Duration limit) noexcept {
  request_shutdown();
  State& state = *state_;
  std::size_t abandoned = 0;
  std::list<State::Member> joined;
  {
    std::unique_lock lock(state.mutex);
    const auto all_left = [&] {
      return std::all_of(state.members.begin(), state.members.end(), [](const auto& m) { return m.gone; });
    };
    if (limit == Duration::max())
      state.left.wait(lock, all_left);
    else
      state.left.wait_for(lock, limit, all_left);
    for (auto& member : state.members) {
      if (std::exchange(member.gone, true)) continue;
      member.thread.detach();
      ++abandoned;
    }
    // Members that were detached stay: their threads still write into them.
    for (auto member = state.members.begin(); member != state.members.end();) {
      const auto here = member++;
      if (here->thread.joinable()) joined.splice(joined.end(), state.members, here);
    }
  }
  for (auto& member : joined) member.thread.join();
  if (abandoned > 0)
    EventLoop::report_anywhere(
        ErrorContext("The executor did not finish joining its threads in time: " + std::to_string(abandoned) +
                         " still running and left to themselves",
                     nullptr));
  return abandoned;
}

Task<void> ThreadPool::stopped() const {
  const std::shared_ptr<State> state = state_;
  co_await detail::SettledAwaiter(*state);
}

}  // namespace coterie
