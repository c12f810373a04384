#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "coterie/core/linked_list.hpp"
#include "coterie/core/task_rec.hpp"

namespace coterie::detail {

/// The tasks of a group or a scope that have not ended, in the order of their creation.
class ChildList {
 public:
  ChildList(const ChildList&) = delete;
  ChildList& operator=(const ChildList&) = delete;

  void adopt(TaskRec& task);
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool contains(const TaskRec& task) const noexcept;
  /// "'a', 'b'"
  [[nodiscard]] std::string names() const;
  void cancel_all(const CancelMessage& message) noexcept;
  /// See Leaf::pass_on_class().
  void pass_on_class(std::vector<TaskRec*>& targets) noexcept;
  /// Newest first: see TaskRec::destroy_unfinished().
  void destroy_all() noexcept;

 protected:
  ChildList() noexcept;
  ~ChildList();
  /// One tick after a child's end; it stands in the list no more.
  virtual void child_ended(TaskRec& task) noexcept = 0;
  /// Who waits for the children.
  [[nodiscard]] virtual WaitingTask waiter() const noexcept = 0;

 private:
  struct Child;
  void remove(Child& child) noexcept;
  LinkedList<Child> children_;
  std::size_t size_ = 0;
};

}  // namespace coterie::detail
