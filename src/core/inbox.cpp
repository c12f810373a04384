#include "coterie/core/inbox.hpp"

#include <thread>

#include "coterie/poller.hpp"

namespace coterie {

Inbox::~Inbox() {
  for (Posted* item = take(); item != nullptr;) std::exchange(item, item->next_)->drop();
}

bool Inbox::post(PostedPtr item) noexcept {
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
