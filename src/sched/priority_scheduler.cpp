#include "coterie/sched/priority_scheduler.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>

namespace coterie {

/// One run().
class PriorityScheduler::Round {
 public:
  Round(PriorityScheduler& owner, std::size_t concurrency) : owner_(&owner), concurrency_(concurrency) {
    owner.running_ = true;
  }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;
  ~Round() { owner_->running_ = false; }
  [[nodiscard]] const Summary& summary() const noexcept { return summary_; }

  Task<void> serve(TaskGroup& group) {
    for (;;) {
      const Future<void> change;
      owner_->changed_ = change;
      start_some(group);
      if (active_ == 0) co_return;
      co_await change;
    }
  }

 private:
  void start_some(TaskGroup& group) {
    while (active_ < concurrency_) {
      std::unique_ptr<Job> job = owner_->pop();
      if (!job) return;
      group.spawn(run_one, std::ref(*this), std::move(job));
      ++active_;
    }
  }
  static Task<void> run_one(Round& round, std::unique_ptr<Job> job) {
    const OutcomeKind kind = co_await job->run();
    --round.active_;
    ++(kind == OutcomeKind::value       ? round.summary_.succeeded
       : kind == OutcomeKind::cancelled ? round.summary_.cancelled
                                        : round.summary_.failed);
    round.owner_->tell();
  }

  PriorityScheduler* owner_;
  std::size_t concurrency_;
  std::size_t active_ = 0;
  Summary summary_;
};

Task<PriorityScheduler::Summary> PriorityScheduler::run(std::size_t concurrency) {
  if (concurrency == 0)
    throw std::invalid_argument("PriorityScheduler::run(): a concurrency of 0 runs nothing");
  if (running_) throw InvalidState("PriorityScheduler::run() is under way already: add() is enough");
  Round round(*this, concurrency);
  co_await task_group([&round](TaskGroup& group) { return round.serve(group); });
  co_return round.summary();
}

void PriorityScheduler::push(std::unique_ptr<Job> job, int priority) {
  waiting_.push_back(Waiting{priority, ++added_, std::move(job)});
  std::push_heap(waiting_.begin(), waiting_.end(), std::mem_fn(&Waiting::behind));
  tell();
}

/// The next that somebody still wants; null when there is none.
std::unique_ptr<PriorityScheduler::Job> PriorityScheduler::pop() {
  while (!waiting_.empty()) {
    std::pop_heap(waiting_.begin(), waiting_.end(), std::mem_fn(&Waiting::behind));
    std::unique_ptr<Job> job = std::move(waiting_.back().job);
    waiting_.pop_back();
    if (job->wanted()) return job;
  }
  return nullptr;
}

}  // namespace coterie
