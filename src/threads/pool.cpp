#include "coterie/threads/pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace coterie {

ThreadPool::ThreadPool(std::size_t threads)
    : limit_(threads != 0 ? threads : std::min<std::size_t>(32, std::thread::hardware_concurrency() + 4)) {}

ThreadPool::~ThreadPool() {
  shutdown();
}

ThreadPool& ThreadPool::shared() {
  static ThreadPool pool;
  return pool;
}

void ThreadPool::submit(std::unique_ptr<Work> work) {
  const std::lock_guard lock(mutex_);
  if (stopping_) throw std::logic_error("the thread pool has been shut down");
  queue_.push_back(std::move(work));
  if (idle_ < queue_.size() && threads_.size() < limit_) threads_.emplace_back([this] { serve(); });
  work_ready_.notify_one();
}

void ThreadPool::shutdown() noexcept {
  std::deque<std::unique_ptr<Work>> dropped;
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
    threads.swap(threads_);
    work_ready_.notify_all();
  }
  dropped.clear();  // outside the lock: work owns its callers' arguments
  for (auto& thread : threads) thread.join();
}

void ThreadPool::serve() {
  pthread_setname_np(pthread_self(), "coterie-pool");
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    work_ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    std::unique_ptr<Work> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work->run();
    work.reset();
    lock.lock();
  }
}

}  // namespace coterie
