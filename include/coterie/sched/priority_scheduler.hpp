#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "coterie/future.hpp"
#include "coterie/group.hpp"
#include "coterie/task.hpp"
#include "coterie/task_ref.hpp"

namespace coterie {

/// Runs coroutines by priority, so many at a time: greater first, equals in the order in which they were
/// added. A loop-wide policy it is not: once a coroutine runs it competes like any task, see PriorityPolicy.
///
///     PriorityScheduler scheduler;
///     Future<int> size = scheduler.add(count(path), 5);
///     (void)scheduler.add(sweep());
///     co_await scheduler.run(4);
///
/// An error ends its coroutine alone. It is thrown to who asks the future, and reported to the loop's
/// exception handler where nobody does. So does a cancel of its future, before it starts or while it runs.
/// Loop thread only.
class PriorityScheduler {
  class Job {
   public:
    Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    virtual ~Job() = default;
    [[nodiscard]] virtual bool wanted() const noexcept = 0;
    virtual Task<OutcomeKind> run() = 0;
  };

 public:
  /// How those ended that a run() has run.
  struct Summary {
    std::size_t succeeded = 0;
    std::size_t failed = 0;
    std::size_t cancelled = 0;
  };

  /// For the next run(), or the one under way. What the arguments of `task` refer to must live until it has
  /// ended. Cancelling the future, or a task that awaits it, takes out one that has not started; one that
  /// runs is cancelled, a tick later, and keeps its place until it has cleaned up and ended. The future of
  /// one that never runs is cancelled with this object.
  template <class T, class How>
  Future<T> add(Task<T, How> task, int priority = 0) {
    auto job = std::make_unique<JobOf<T, How>>(std::move(task));
    Future<T> future = job->future();
    push(std::move(job), priority);
    return future;
  }
  /// Those that have not started.
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

  /// Runs what was added, and what is added meanwhile, until nothing is left; at most `concurrency` at a
  /// time, each as a task. A cancel ends those that run, and comes out; the others stay for the next run().
  /// std::invalid_argument for a concurrency of 0, InvalidState while it runs already.
  [[nodiscard("run() runs when it is awaited: co_await it")]] Task<Summary> run(std::size_t concurrency = 1);

 private:
  template <class T, class How>
  class JobOf final : public Job {
   public:
    explicit JobOf(Task<T, How> task) : task_(std::move(task)) {}
    ~JobOf() override {
      if (!future_.done()) future_.cancel();
    }
    [[nodiscard]] const Future<T>& future() const noexcept { return future_; }
    [[nodiscard]] bool wanted() const noexcept override { return !future_.done(); }
    Task<OutcomeKind> run() override {
      if (future_.done()) co_return OutcomeKind::cancelled;
      const auto cancel_too = [task = current_task()](const Future<T>& future) {
        if (future.cancelled()) task->cancel(nullptr);
      };
      future_.add_done_callback(cancel_too);
      Outcome<T> end = co_await outcome(std::move(task_));
      const OutcomeKind kind = end.kind();
      if (future_.done()) co_return kind;
      if (kind == OutcomeKind::cancelled)
        future_.cancel();
      else if (kind == OutcomeKind::exception)
        future_.set_exception(end.error());
      else if constexpr (std::is_void_v<T>)
        future_.set_value();
      else
        future_.set_value(std::move(end).get());
      co_return kind;
    }

   private:
    Task<T, How> task_;
    Future<T> future_;
  };
  struct Waiting {
    int priority;
    std::uint64_t number;
    std::unique_ptr<Job> job;
    [[nodiscard]] bool behind(const Waiting& other) const noexcept {
      return priority != other.priority ? priority < other.priority : number > other.number;
    }
  };
  class Round;
  void push(std::unique_ptr<Job> job, int priority);
  void tell() const {
    if (!changed_.done()) changed_.set_value();
  }
  [[nodiscard]] std::unique_ptr<Job> pop();

  std::vector<Waiting> waiting_;  // a heap
  std::uint64_t added_ = 0;
  bool running_ = false;
  Future<void> changed_;  // something was added, or has ended
};

}  // namespace coterie
