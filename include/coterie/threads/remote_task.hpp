#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "coterie/loop.hpp"
#include "coterie/outcome.hpp"
#include "coterie/spawn.hpp"
#include "coterie/threads/settlement.hpp"

namespace coterie::detail {

/// A task seen from everywhere: what RemoteHandle refers to. The task itself, its record and frames never
/// leave the owner loop; what crosses threads are messages to the owner (start, cancel) and the settled
/// outcome.
///
///     any thread                      owner loop                          any thread
///     ──────────                      ──────────                          ──────────
///     spawn_on() ──── start ────▶ start(): task_ runs
///     cancel()   ─ cancel no. n ▶ task_->cancel(); delivered_ = n
///                                 task_done(): takes the outcome ─settled─▶ waiters, get()
///     the loop has closed ─────────── LoopClosed ───────────────settled─▶
class RemoteTask : public Settlement, private DoneHook {
 public:
  // --- any thread -----------------------------------------------------------------------------------------
  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }
  /// Sends a request to the owner; gives its number.
  std::uint32_t request_cancel(CancelMessage message);
  /// Nothing is reported any more.
  void mark_retrieved() noexcept { retrieved_.store(true, std::memory_order_relaxed); }
  void mark_moved();  // InvalidState the second time
  void require_kept() const;
  [[nodiscard]] std::string name() const;
  /// Ends it with LoopClosed, unless it has ended.
  void lose() noexcept;
  /// Ends it with an error of its creation, unless it has ended.
  void fail(std::exception_ptr error) noexcept;
  /// It is the task whose step runs on this thread.
  [[nodiscard]] bool runs_here() const noexcept;
  /// Blocks until the end; std::logic_error where that would block a loop. False when `until` came first.
  bool await_end(std::optional<TimePoint> until);

  // --- after the end --------------------------------------------------------------------------------------
  [[nodiscard]] virtual bool ended_cancelled() const noexcept = 0;
  /// What it ended with, `Cancelled` too; null for a value.
  [[nodiscard]] virtual std::exception_ptr error() const noexcept = 0;
  /// The request with this number, or a later one, reached the task while it ran.
  [[nodiscard]] bool delivered(std::uint32_t number) const noexcept { return number <= delivered_; }

  // --- the owner's thread ---------------------------------------------------------------------------------
  /// Precondition: not started. The task is new and keeps its loop's reference.
  void start(TaskRec& task);

 protected:
  RemoteTask(std::shared_ptr<Inbox> owner, std::string name);
  ~RemoteTask();

 private:
  [[nodiscard]] bool on_owner() const noexcept;
  void task_done(TaskRec& task) noexcept final;
  /// Takes the outcome of the task that has ended.
  virtual void take(TaskRec& task) noexcept = 0;
  virtual void set_error(std::exception_ptr error) noexcept = 0;
  virtual void destroy() noexcept = 0;

  const std::shared_ptr<Inbox> owner_;
  std::atomic<std::uint32_t> refs_{1};
  std::atomic<std::uint32_t> requests_{0};
  std::atomic<bool> retrieved_{false};
  std::atomic<bool> moved_{false};
  std::uint32_t delivered_ = 0;          // written by the owner before the end, read after it
  TaskRec* task_ = nullptr;              // the owner's thread only
  std::unique_ptr<ErrorContext> error_;  // what is reported when nobody retrieves it
  const std::string name_;
};

template <class T>
class RemoteTaskOf final : public RemoteTask {
 public:
  RemoteTaskOf(std::shared_ptr<Inbox> owner, std::string name)
      : RemoteTask(std::move(owner), std::move(name)) {}

  [[nodiscard]] bool ended_cancelled() const noexcept override { return outcome_.cancelled(); }
  [[nodiscard]] std::exception_ptr error() const noexcept override { return outcome_.error(); }
  /// After the end; InvalidState when the value was moved out.
  [[nodiscard]] const Outcome<T>& kept() const {
    require_kept();
    return outcome_;
  }
  /// Ends it without a task.
  void finish(Outcome<T> end) {
    settle([&] { outcome_ = std::move(end); });
  }
  /// After the end: the value moves out, once; an exception or a cancel stays for others.
  [[nodiscard]] Outcome<T> move_out() {
    if (outcome_.has_value()) {
      mark_moved();
      return std::move(outcome_);
    }
    Outcome<T> error;
    error.set_exception(outcome_.error(), outcome_.cancelled());
    return error;
  }

 private:
  ~RemoteTaskOf() = default;
  void take(TaskRec& task) noexcept override {
    outcome_ = static_cast<TaskState<T>&>(task).take();  // others still ask the task for its error
  }
  void set_error(std::exception_ptr error) noexcept override { outcome_.set_exception(std::move(error)); }
  void destroy() noexcept override { delete this; }
  Outcome<T> outcome_;
};

/// A counted reference.
template <class Remote>
class RemoteRef {
 public:
  RemoteRef() noexcept = default;
  /// Takes over a reference.
  explicit RemoteRef(Remote* task) noexcept : task_(task) {}
  RemoteRef(const RemoteRef& other) noexcept : task_(other.task_) {
    if (task_ != nullptr) task_->add_ref();
  }
  RemoteRef(RemoteRef&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
  RemoteRef& operator=(RemoteRef other) noexcept {
    std::swap(task_, other.task_);
    return *this;
  }
  ~RemoteRef() {
    if (task_ != nullptr) task_->release();
  }
  [[nodiscard]] Remote* get() const noexcept { return task_; }
  Remote* operator->() const noexcept { return task_; }
  Remote& operator*() const noexcept { return *task_; }
  friend bool operator==(const RemoteRef&, const RemoteRef&) = default;

 private:
  Remote* task_ = nullptr;
};

}  // namespace coterie::detail
