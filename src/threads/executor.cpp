#include "coterie/threads/executor.hpp"

#include <stdexcept>

#include "coterie/timeout.hpp"

namespace coterie {

std::exception_ptr detail::pool_was_shut_down() {
  return std::make_exception_ptr(
      std::runtime_error("the thread pool was shut down before this call had begun"));
}

Task<bool> shutdown_executor(ThreadPool& pool, Duration limit) {
  pool.request_shutdown();
  bool in_time = true;
  if (limit == Duration::max()) {
    co_await pool.stopped();
  } else {
    Outcome<void> end = co_await outcome(wait_for(limit, pool.stopped()));
    try {
      end.get();
    } catch (const TimeoutError&) {
      in_time = false;
    }
  }
  pool.shutdown(Duration::zero());
  co_return in_time;
}

Task<bool> shutdown_default_executor(Duration limit) {
  return shutdown_executor(ThreadPool::shared(), limit);
}

}  // namespace coterie
