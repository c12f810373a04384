#include "coterie/core/child_list.hpp"

#include "coterie/core/done_callback.hpp"
#include "coterie/loop.hpp"

namespace coterie::detail {

struct ChildList::Child final : ListNode, DoneCallback {
  Child(ChildList& owner, TaskRec& task) : list(&owner) { attach(task); }
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept { free_frame(block, bytes); }
  void after_done(TaskRec& task) noexcept override {
    ChildList& owner = *list;
    task.add_ref();
    owner.remove(*this);
    owner.child_ended(task);
    task.release();
  }
  [[nodiscard]] WaitingTask waiting_task() const noexcept override { return list->waiter(); }
  ChildList* list;
};

ChildList::ChildList() noexcept = default;

ChildList::~ChildList() {
  while (Child* child = children_.first()) delete child;
}

void ChildList::adopt(TaskRec& task) {
  children_.push_back(*new Child(*this, task));
  ++size_;
  if (task.loop().inherits()) [[unlikely]]
    task.reconsider_class();
}

void ChildList::remove(Child& child) noexcept {
  delete &child;
  --size_;
}

bool ChildList::contains(const TaskRec& task) const noexcept {
  for (const Child* child = children_.first(); child != nullptr; child = children_.next(*child))
    if (child->task() == &task) return true;
  return false;
}

std::string ChildList::names() const {
  std::string list;
  for (const Child* child = children_.first(); child != nullptr; child = children_.next(*child))
    list += (list.empty() ? "'" : ", '") + child->task()->name() + "'";
  return list;
}

void ChildList::cancel_all(const CancelMessage& message) noexcept {
  for (Child* child = children_.first(); child != nullptr; child = children_.next(*child))
    if (!child->task()->done()) child->task()->cancel(message);
}

void ChildList::pass_on_class(std::vector<TaskRec*>& targets) noexcept {
  for (Child* child = children_.first(); child != nullptr; child = children_.next(*child)) {
    child->requeue();
    targets.push_back(child->task());
  }
}

void ChildList::destroy_all() noexcept {
  while (Child* child = children_.last()) {
    TaskRec& task = *child->task();
    task.add_ref();
    remove(*child);
    if (!task.done()) task.destroy_unfinished();
    task.release();
  }
}

}  // namespace coterie::detail
