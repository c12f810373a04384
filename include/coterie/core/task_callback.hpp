#pragma once
#include <cstddef>
#include <memory>
#include <source_location>
#include <utility>

#include "coterie/core/callable_id.hpp"
#include "coterie/core/context_slot.hpp"
#include "coterie/core/task_rec.hpp"
#include "coterie/loop.hpp"

namespace coterie::detail {

/// A callable that a task's end calls, found again by ==. Kept by itself until then.
class AnyTaskCallback : public DoneHook {
 public:
  /// How many of the task's callbacks were equal to that callable, and are no more. The comparison may do
  /// anything, to this list too.
  static std::size_t remove(TaskRec& task, const CallableId& callable);

 protected:
  ~AnyTaskCallback() = default;
  void keep(TaskRec& task, std::shared_ptr<AnyTaskCallback> self) {
    self_ = std::move(self);
    task.add_hook(*this);
  }
  [[nodiscard]] std::shared_ptr<AnyTaskCallback> let_go() noexcept { return std::move(self_); }

 private:
  [[nodiscard]] virtual bool equals(const CallableId& callable) const = 0;
  std::shared_ptr<AnyTaskCallback> self_;
};

/// `Handle`: what `Fn` is called with, made of the task.
template <class Handle, class Fn>
class TaskCallback final : public AnyTaskCallback {
 public:
  TaskCallback(Fn fn, std::source_location where) : call_(std::move(fn)), where_(where) {}
  static void add(TaskRec& task, Fn fn, std::source_location where) {
    auto callback = std::make_shared<TaskCallback>(std::move(fn), where);
    callback->keep(task, callback);
  }

 private:
  void task_done(TaskRec& task) noexcept override {
    const auto self = let_go();
    const ContextScope scope(context_);
    task.loop().call_soon([handle = Handle::of(task), call = std::move(call_)]() mutable { call(handle); },
                          where_);
  }
  [[nodiscard]] bool equals(const CallableId& callable) const override { return callable.is(call_); }
  Fn call_;
  std::source_location where_;
  ContextSlot context_ = ContextSlot::capture();
};

}  // namespace coterie::detail
