#pragma once
#include <memory>
#include <optional>
#include <utility>

#include "coterie/future.hpp"
#include "coterie/threads/completion.hpp"

namespace coterie {
namespace detail {

/// Carries a Completion's end to a Future of this loop. Owned by a done-callback of that future, so that it
/// goes when the future has ended, was given up by all, or its loop closed; the completion is then abandoned.
template <class T>
class FutureBridge final : private Settlement::Waiter, private Doorbell {
 public:
  FutureBridge(const Completion<T>& source, const Future<T>& follower)
      : source_(source.state_), follower_(follower) {
    connect(EventLoop::current());
    if (!source_->add(*this)) answer();
  }
  ~FutureBridge() {
    source_->remove(*this);
    source_->abandon();
  }

 private:
  void settled(Doorbell::Rings& rings) noexcept override { rings.add(*this); }
  void answer() noexcept override {
    const std::optional<Future<T>> follower = follower_.lock();
    if (!follower || follower->done()) return;
    Outcome<T> end = std::move(source_->outcome);  // the thread that set it shares nothing of it any more
    if (end.cancelled()) {
      follower->cancel();
    } else if (end.has_exception()) {
      follower->set_exception(end.error());
    } else if constexpr (std::is_void_v<T>) {
      follower->set_value();
    } else {
      follower->set_value(std::move(end).get());
    }
  }
  std::shared_ptr<typename Completion<T>::Shared> source_;
  typename Future<T>::Weak follower_;
};

}  // namespace detail

/// A Future of the loop that runs here for what another thread will set: for many waiters, done-callbacks and
/// a cancel from outside. Takes the completion's value, so nobody else may wait for that. Cancelling the
/// future, or dropping every handle of it, abandons the completion unless that has its result already, which
/// it keeps. (asyncio.wrap_future, CPython 3.14)
template <class T>
[[nodiscard]] Future<T> wrap_future(const Completion<T>& completion) {
  Future<T> future;
  auto bridge = std::make_unique<detail::FutureBridge<T>>(completion, future);
  if (!future.done()) future.add_done_callback([kept = std::move(bridge)](const Future<T>&) {});
  return future;
}

}  // namespace coterie
