#include "coterie/io/asio.hpp"

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

Leaf::CancelReply AsioLeaf::cancel(const CancelMessage&) {
  if (phase_ == Phase::created) return CancelReply::detached;
  cancel_asked_ = true;
  const AsioCache::Scope scope(cache());
  signal_.emit(boost::asio::cancellation_type::all);
  return CancelReply::refused;  // until the operation has ended
}

void AsioLeaf::end(bool aborted) noexcept {
  phase_ = Phase::over;
  if (draining_) return;
  if (aborted && cancel_asked_)
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
  if (failure_) std::rethrow_exception(std::move(failure_));
}

void AsioLeaf::drain() noexcept {
  if (phase_ == Phase::running) {
    draining_ = true;
    {
      const AsioCache::Scope scope(cache());
      signal_.emit(boost::asio::cancellation_type::all);
    }
    boost::asio::io_context& asio = context();
    while (phase_ == Phase::running) {
      if (asio.stopped()) asio.restart();
      (void)asio.run_one();
    }
  }
  if (phase_ == Phase::over) clear_slot();
}

}  // namespace detail
}  // namespace coterie
