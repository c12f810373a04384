#include "coterie/core/doorbell.hpp"

#include "coterie/loop.hpp"

namespace coterie {

/// Shared by the bell and, once it was rung, the loop that the message travels to.
struct Doorbell::Message final : Posted {
  Message(Doorbell& bell, std::shared_ptr<Inbox> its_inbox) noexcept
      : to(&bell), inbox(std::move(its_inbox)) {}
  void run() noexcept override {
    if (to != nullptr) to->answer();
    release();
  }
  void drop() noexcept override { release(); }
  void release() noexcept {
    if (refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  Doorbell* to;                  // the loop's thread only
  std::shared_ptr<Inbox> inbox;  // until it is rung
  Message* next = nullptr;       // of those that are rung together
  std::atomic<std::uint32_t> refs{1};
};

void Doorbell::Rings::add(Doorbell& bell) noexcept {
  Message* message = bell.message_;
  message->refs.fetch_add(1, std::memory_order_relaxed);
  (last_ != nullptr ? last_->next : first_) = message;
  last_ = message;
}

Doorbell::Rings::~Rings() {
  while (first_ != nullptr) {
    Message* message = std::exchange(first_, first_->next);
    const std::shared_ptr<Inbox> inbox = std::move(message->inbox);
    inbox->post(PostedPtr(message));
  }
}

Doorbell::~Doorbell() {
  if (message_ == nullptr) return;
  message_->to = nullptr;
  message_->release();
}

void Doorbell::connect(EventLoop& loop) {
  message_ = new Message(*this, loop.inbox());
}

void Doorbell::ring() noexcept {
  Rings one;
  one.add(*this);
}

}  // namespace coterie
