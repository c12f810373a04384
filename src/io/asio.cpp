#include "coterie/io/asio.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "src/io/asio_poller.hpp"

namespace coterie {

boost::asio::io_context& io::asio_context() {
  return current_asio_poller().context();
}

namespace detail {

void AsioLeaf::begin() {
  if (phase_ != Phase::created) throw InvalidState("this operation was awaited before");
  poller_ = &current_asio_poller();
}

boost::asio::io_context& AsioLeaf::context() const noexcept {
  return poller_->context();
}

AsioCache& AsioLeaf::cache() const noexcept {
  return poller_->cache();
}

void* AsioLeaf::allocate(std::size_t bytes) {
  if (arena_used_ || bytes > arena_bytes) return allocate_frame(bytes);
  arena_used_ = true;
  return arena_;
}

void AsioLeaf::deallocate(void* block, std::size_t bytes) noexcept {
  if (block == arena_)
    arena_used_ = false;
  else
    free_frame(block, bytes);
}

Leaf::CancelReply AsioLeaf::cancel(const CancelMessage& message) {
  if (phase_ == Phase::created) return CancelReply::detached;
  cancel_asked_ = true;
  message_ = message;
  if (!request_.linked()) poller_->ask_to_cancel(request_);
  return CancelReply::refused;  // until the operation has ended
}

void AsioLeaf::emit_cancel() {
  request_.unlink();
  const AsioCache::Scope scope(cache());
  signal_.emit(boost::asio::cancellation_type::all);
}

std::exception_ptr AsioLeaf::target_cancel() noexcept {
  return cancelled_ ? std::make_exception_ptr(Cancelled(message_)) : nullptr;
}

void AsioLeaf::end(bool cancelled) noexcept {
  phase_ = Phase::over;
  request_.unlink();
  if (draining_) return;
  cancelled_ = cancelled;
  if (cancelled)
    wake();
  else
    wake_with_result();
}

void AsioLeaf::end_with(std::exception_ptr failure) noexcept {
  failure_ = std::move(failure);
  if (phase_ == Phase::running) end(false);
}

void AsioLeaf::abandoned() noexcept {
  if (phase_ == Phase::over) return;
  end_with(
      std::make_exception_ptr(boost::system::system_error(boost::asio::error::operation_aborted, "dropped")));
}

void AsioLeaf::clear_slot() noexcept {
  const AsioCache::Scope scope(cache());
  signal_.slot().clear();
}

void AsioLeaf::arrive() {
  if (phase_ == Phase::over) clear_slot();
  deliver();
  if (cancelled_) throw Cancelled(message_);  // the request was taken back since, the operation has ended
  if (failure_) std::rethrow_exception(std::move(failure_));
}

void AsioLeaf::drain() noexcept {
  constexpr auto patience = std::chrono::seconds(10);
  if (phase_ == Phase::running) {
    draining_ = true;
    if (!request_.linked()) poller_->ask_to_cancel(request_);
    const TimePoint deadline = poller_->now() + patience;
    while (phase_ == Phase::running && poller_->now() < deadline) {
      try {
        poller_->poll(poller_->now() + std::chrono::milliseconds(100));
      } catch (...) {  // of a foreign handler
        EventLoop::report_anywhere(ErrorContext("A handler of Asio failed", std::current_exception()));
      }
    }
    if (phase_ == Phase::running) {
      std::fputs(
          "coterie: an operation of Asio did not end within 10 s of the end of the coroutine that awaits it, "
          "and may use its memory: it has no cancellation slot\n",
          stderr);
      std::abort();
    }
  }
  if (phase_ == Phase::over) clear_slot();
}

bool is_abort(const std::exception_ptr& error) noexcept {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& failure) {
    return failure.code() == boost::asio::error::operation_aborted;
  } catch (const std::system_error& failure) {
    return failure.code() == std::errc::operation_canceled;
  } catch (...) {
    return false;
  }
}

}  // namespace detail
}  // namespace coterie
