#pragma once
#include <cstdint>
#include <limits>
#include <string>

namespace coterie {

class TaskRec;
namespace detail {
struct DebugLayout;
}  // namespace detail

/// A scheduling class: to a policy of the ready queue that knows priorities it is one, and greater is more
/// urgent; to others it names a share of the loop. First-in-first-out ignores it. 0 unless one is given.
///
/// A task has the class of the task that spawned it, a callback or a timer that of the step that registered
/// it, and so has what a callback spawns; a done-callback that of the task that has ended. What only wakes a
/// task has the class of that task.
using SchedClass = std::int16_t;
/// Of what other threads send to the loop: a short message, which policies let pass.
inline constexpr SchedClass runtime_class = std::numeric_limits<SchedClass>::max();

/// What a ready queue holds: an intrusive node, so that queueing never allocates. It is in at most one queue,
/// and whoever destroys it removes it first. Loop thread only.
class Runnable {
 public:
  Runnable() = default;
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

  /// One step. Called by the loop after it took the node out of the queue; the node may destroy itself.
  virtual void run() noexcept = 0;
  /// The loop is closing and will not run this any more: release what the node owns.
  virtual void drop() noexcept {}
  /// For people: what takes so long, in debug mode.
  [[nodiscard]] virtual std::string describe() const { return "<something of the runtime>"; }
  /// The task that this step belongs to or wakes, whose class is then its own; null: none.
  [[nodiscard]] virtual const TaskRec* of_task() const noexcept { return nullptr; }

  [[nodiscard]] bool queued() const noexcept { return next_ != nullptr; }
  [[nodiscard]] SchedClass sched_class() const noexcept { return sched_class_; }
  /// Only while it is in no queue.
  void set_sched_class(SchedClass value) noexcept { sched_class_ = value; }

 private:
  friend class RunList;
  friend struct detail::DebugLayout;
  Runnable* next_ = nullptr;
  Runnable* prev_ = nullptr;

 protected:
  ~Runnable() = default;
  SchedClass sched_class_ = 0;  // late, so that the flags of what derives fit behind it

 public:
  std::uint8_t queue_mark = 0;  ///< belongs to the queue in which it stands
};

/// An intrusive circular list around a sentinel: push, pop and remove in constant time, and a node can leave
/// without knowing which list it is in. The building block of ready queues.
class RunList {
 public:
  RunList() noexcept { reset(); }
  RunList(const RunList&) = delete;
  RunList& operator=(const RunList&) = delete;
  ~RunList() = default;

  [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }

  void push_back(Runnable& node) noexcept {
    Runnable* const last = head_.prev_;
    node.prev_ = last;
    last->next_ = &node;
    node.next_ =
        &head_;  // not beside prev_: gcc would put the two together in a vector, with more instructions
    head_.prev_ = &node;
  }

  [[nodiscard]] Runnable* pop_front() noexcept {
    Runnable* const node = head_.next_;
    if (node == &head_) return nullptr;
    Runnable* const next = node->next_;
    head_.next_ = next;
    next->prev_ = &head_;
    node->next_ = nullptr;               // that it is in no list: what stands in prev_ counts only in one
    __builtin_prefetch(next->next_, 1);  // of many that wait, the next but one is in no cache yet
    return node;
  }

  static void remove(Runnable& node) noexcept {
    node.prev_->next_ = node.next_;
    node.next_->prev_ = node.prev_;
    node.next_ = nullptr;
  }

  /// Moves all of `other` behind what is here.
  void splice_back(RunList& other) noexcept {
    if (other.empty()) return;
    other.head_.next_->prev_ = head_.prev_;
    head_.prev_->next_ = other.head_.next_;
    other.head_.prev_->next_ = &head_;
    head_.prev_ = other.head_.prev_;
    other.reset();
  }

 private:
  struct Sentinel final : Runnable {
    void run() noexcept override {}
  };
  void reset() noexcept { head_.next_ = head_.prev_ = &head_; }
  Sentinel head_;
};

}  // namespace coterie
