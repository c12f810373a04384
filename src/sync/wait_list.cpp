#include "coterie/sync/wait_list.hpp"

#include <string>

#include "coterie/spawn.hpp"

namespace coterie {

void ListedWaiter::enter() {
  if (listed_) return;
  primitive_->bind(wait_info().kind);
  prev_ = list_->last_;
  next_ = nullptr;
  (list_->last_ != nullptr ? list_->last_->next_ : list_->first_) = this;
  list_->last_ = this;
  listed_ = true;
}

void ListedWaiter::unlink() noexcept {
  (prev_ != nullptr ? prev_->next_ : list_->first_) = next_;
  (next_ != nullptr ? next_->prev_ : list_->last_) = prev_;
  listed_ = false;
}

void ListedWaiter::throw_gone() const {
  throw InvalidState("waited for " + std::string(to_string(wait_info().kind)) +
                     ", and what gives it was destroyed meanwhile: it must outlive the tasks that wait");
}

WaitList::~WaitList() {
  for (ListedWaiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) {
    waiter->listed_ = false;
    waiter->set_wait_object(nullptr);  // dumps look into it
  }
}

std::size_t WaitList::size() const noexcept {
  std::size_t count = 0;
  for (const ListedWaiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) ++count;
  return count;
}

void WaitList::wake_some(std::size_t count) noexcept {
  for (ListedWaiter* waiter = first_; waiter != nullptr && count > 0; waiter = waiter->next_) {
    if (!waiter->waiting()) continue;
    waiter->wake();
    --count;
  }
}

}  // namespace coterie
