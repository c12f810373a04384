#pragma once
#include <array>
#include <memory>

#include "coterie/core/leaf.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/loop.hpp"
#include "src/io/descriptor.hpp"

namespace coterie::io::detail {

/// Waits until any of a few descriptors is readable (or has gone), or a time has come. Awaited once, by its
/// name.
class AnyReadable final : public Leaf, private Timer {
 public:
  AnyReadable() noexcept : Leaf(WaitKind::io_readable) {}
  /// Of something else, of which the descriptors tell.
  AnyReadable(WaitKind kind, const void* object) noexcept : Leaf(kind, object) {}
  ~AnyReadable() { leave(); }
  void add(std::shared_ptr<DescriptorState> state) {
    if (wait_info().kind == WaitKind::io_readable && count_ == 0) set_wait_object(state->shown());
    nodes_.at(count_++).state = std::move(state);
  }
  void until(TimePoint deadline) noexcept { deadline_ = deadline; }

  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    for (std::size_t i = 0; i < count_; ++i) {
      nodes_.at(i).owner = this;
      nodes_.at(i).state->attach(nodes_.at(i), Direction::read);
    }
    loop_ = &EventLoop::current();
    if (deadline_ != TimePoint::max()) loop_->arm(*this, deadline_);
    suspend(caller);
  }
  void await_resume() { deliver(); }
  CancelReply cancel(const CancelMessage&) override {
    leave();
    return CancelReply::detached;
  }

 private:
  struct Node final : ReadyNode {
    std::shared_ptr<DescriptorState> state;
    AnyReadable* owner = nullptr;
    void on_ready(std::error_code) noexcept override { owner->fire(); }
  };
  void run() noexcept override { fire(); }
  void fire() noexcept {
    leave();
    wake();
  }
  void leave() noexcept {
    for (Node& node : nodes_) node.detach();
    if (armed() || queued()) loop_->disarm(*this);
  }
  std::array<Node, 8> nodes_;
  std::size_t count_ = 0;
  TimePoint deadline_ = TimePoint::max();
  EventLoop* loop_ = nullptr;
};

}  // namespace coterie::io::detail
