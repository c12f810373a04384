#pragma once

namespace coterie {

/// A place in a LinkedList, as a base: what waits embeds it, so that waiting does not allocate. Leaves its
/// list when it is destroyed.
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  [[nodiscard]] bool linked() const noexcept { return next_ != nullptr; }
  void unlink() noexcept {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 protected:
  ~ListNode() { unlink(); }

 private:
  template <class T>
  friend class LinkedList;
  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

/// An intrusive list of T, which derives from ListNode: push, pop and remove in constant time. Owns nothing;
/// nodes that are in it when it is destroyed are released.
template <class T>
class LinkedList {
 public:
  LinkedList() noexcept { head_.next_ = head_.prev_ = &head_; }
  LinkedList(const LinkedList&) = delete;
  LinkedList& operator=(const LinkedList&) = delete;
  ~LinkedList() {
    while (T* node = first()) node->ListNode::unlink();
  }

  [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }
  /// Null when it is empty, or behind the end.
  [[nodiscard]] T* first() const noexcept { return at(head_.next_); }
  [[nodiscard]] T* last() const noexcept { return at(head_.prev_); }
  [[nodiscard]] T* next(const T& node) const noexcept { return at(static_cast<const ListNode&>(node).next_); }
  void push_back(T& node) noexcept {
    auto& link = static_cast<ListNode&>(node);
    link.prev_ = head_.prev_;
    link.next_ = &head_;
    head_.prev_->next_ = &link;
    head_.prev_ = &link;
  }
  /// The first, taken out; null when it is empty.
  [[nodiscard]] T* pop_front() noexcept {
    T* node = first();
    if (node != nullptr) node->ListNode::unlink();
    return node;
  }

 private:
  [[nodiscard]] T* at(ListNode* link) const noexcept {
    return link == &head_ ? nullptr : static_cast<T*>(link);
  }
  ListNode head_;
};

}  // namespace coterie
