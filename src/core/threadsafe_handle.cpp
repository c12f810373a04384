#include "coterie/core/threadsafe_handle.hpp"

#include "coterie/loop.hpp"

namespace coterie {

ThreadsafeHandle ThreadsafeHandle::post_call(EventLoop& loop, Call& call) {
  ThreadsafeHandle handle(&call);
  return loop.post(PostedPtr(&call)) ? std::move(handle) : ThreadsafeHandle();
}

void ThreadsafeHandle::Call::run() noexcept {
  runner_ = std::this_thread::get_id();
  std::uint32_t state = 0;
  const bool starts = state_.compare_exchange_strong(state, running_bit, std::memory_order_acq_rel);
  if (starts) {
    const detail::ContextScope scope(context_);
    try {
      invoke();
    } catch (...) {
      detail::report_callback_error(*this, where_);
    }
  }
  free_callable();
  if ((state_.fetch_or(finished_bit, std::memory_order_acq_rel) & awaited_bit) != 0) state_.notify_all();
  release();
}

std::string ThreadsafeHandle::Call::describe() const {
  return "<Handle " + detail::place(where_) + ">";
}

void ThreadsafeHandle::Call::drop() noexcept {
  free_callable();
  release();
}

void ThreadsafeHandle::Call::cancel() noexcept {
  (void)wait_while_running(state_.fetch_or(cancelled_bit, std::memory_order_acq_rel));
}

bool ThreadsafeHandle::Call::cancelled() noexcept {
  return (wait_while_running(state_.load(std::memory_order_acquire)) & cancelled_bit) != 0;
}

std::uint32_t ThreadsafeHandle::Call::wait_while_running(std::uint32_t state) noexcept {
  if ((state & (running_bit | finished_bit)) != running_bit || runner_ == std::this_thread::get_id())
    return state;
  state = state_.fetch_or(awaited_bit, std::memory_order_acq_rel) | awaited_bit;
  while ((state & finished_bit) == 0) {
    state_.wait(state, std::memory_order_acquire);
    state = state_.load(std::memory_order_acquire);
  }
  return state;
}

}  // namespace coterie
