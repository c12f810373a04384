#include "coterie/core/doorbell.hpp"

#include "coterie/loop.hpp"

namespace coterie {

/// Shared by the bell and, once it was rung, the loop that the message travels to.
struct Doorbell::Message final : Posted {
  explicit Message(Doorbell& bell) noexcept : to(&bell) {}
  void run() noexcept override {
    if (to != nullptr) to->answer();
    release();
  }
  void drop() noexcept override { release(); }
  void release() noexcept {
    if (refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  Doorbell* to;  // the loop's thread only
  std::atomic<std::uint32_t> refs{1};
};

Doorbell::~Doorbell() {
  if (message_ == nullptr) return;
  message_->to = nullptr;
  message_->release();
}

void Doorbell::connect(EventLoop& loop) {
  inbox_ = loop.inbox();
  message_ = new Message(*this);
}

void Doorbell::ring() noexcept {
  message_->refs.fetch_add(1, std::memory_order_relaxed);
  inbox_->post(PostedPtr(message_));
}

}  // namespace coterie
