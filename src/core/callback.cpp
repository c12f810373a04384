#include "coterie/core/callback.hpp"

#include <thread>
#include <utility>

#include "coterie/fatal.hpp"
#include "coterie/loop.hpp"
#include "coterie/poller.hpp"

namespace coterie {

CallbackHandle::Call::Call(EventLoop& owner, std::source_location origin)
    : loop(&owner), where(origin), context(detail::ContextSlot::capture()) {
  if (owner.debug()) [[unlikely]]
    created = std::make_unique<std::vector<std::source_location>>(owner.debug_places());
}

void CallbackHandle::Call::run() noexcept {
  EventLoop& owner = *loop;
  owner.callback_context_ = &context;
  try {
    invoke();
  } catch (const Fatal&) {
    owner.leave_with(std::current_exception());
  } catch (...) {
    ErrorContext error("Exception in callback", std::current_exception(), {}, where);
    error.handle = describe();
    if (created) error.created = *created;
    owner.report(error);
  }
  owner.callback_context_ = nullptr;
  release();
}

std::string CallbackHandle::Call::describe() const {
  return (when ? "<TimerHandle " : "<Handle ") + detail::place(where) + ">";
}

void CallbackHandle::cancel() noexcept {
  if (call_ == nullptr || call_->cancelled) return;
  call_->cancelled = true;
  const bool due = call_->armed() || call_->queued();
  if (!due) return;
  call_->loop->disarm(*call_);
  call_->release();  // the loop's reference
}

void CallbackHandle::queue() {
  call_->loop->check_usable();
  ++call_->refs;
  call_->loop->push(*call_);
}

void CallbackHandle::arm(TimePoint when) {
  call_->loop->check_usable();
  call_->when = when;
  call_->loop->arm(*call_, when);
  ++call_->refs;
}

Inbox::~Inbox() {
  for (Posted* item = take(); item != nullptr;) delete std::exchange(item, item->next_);
}

bool Inbox::post(std::unique_ptr<Posted> item) {
  posting_.fetch_add(1);
  const bool open = !closed_.load();
  if (open) {
    Posted* raw = item.release();
    Posted* head = head_.load(std::memory_order_relaxed);
    do {
      raw->next_ = head;
    } while (!head_.compare_exchange_weak(head, raw, std::memory_order_release, std::memory_order_relaxed));
    if (head == nullptr) poller_->wake();
  }
  posting_.fetch_sub(1, std::memory_order_release);
  return open;
}

Posted* Inbox::take() noexcept {
  Posted* newest_first = head_.exchange(nullptr, std::memory_order_acquire);
  Posted* oldest_first = nullptr;
  while (newest_first != nullptr) {
    Posted* item = newest_first;
    newest_first = item->next_;
    item->next_ = oldest_first;
    oldest_first = item;
  }
  return oldest_first;
}

void Inbox::close() noexcept {
  closed_.store(true);
  while (posting_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

}  // namespace coterie
