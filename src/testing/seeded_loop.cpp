#include "coterie/testing/seeded_loop.hpp"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "coterie/ready_queue.hpp"

namespace coterie::testing {

/// The scheduling policy of a seeded loop. All happens in pop(), which the loop calls between any two steps:
/// first the subject that just ran is looked at, then cancels whose time has come are made, then the next is
/// chosen. Nothing here depends on addresses, so that a seed means the same everywhere.
class SeededLoop::Queue final : public ReadyQueue {
 public:
  Queue(std::uint64_t seed, const SeedOptions& options)
      : options_(options), order_(Random(seed).fork()), choice_(order_.fork()) {}
  ~Queue() override {
    for (auto& [node, subject] : subjects_) subject->task->release();
  }

  void mark(TaskRec& task) {
    if (task.done() || subjects_.count(&task) != 0) return;
    task.add_ref();
    Subject& subject = *subjects_.emplace(&task, std::make_unique<Subject>(task)).first->second;
    if (!task.started()) choose(subject);
  }

  void push(Runnable& node) noexcept override { next_.push_back(node); }
  void remove(Runnable& node) noexcept override { RunList::remove(node); }
  [[nodiscard]] bool empty() const noexcept override { return tick_.empty() && next_.empty(); }

  void begin_tick() noexcept override {
    tick_.splice_back(next_);
    if (options_.shuffle) shuffle();
  }

  [[nodiscard]] Runnable* pop() noexcept override {
    after_step();
    cancel_the_due();
    Runnable* node = tick_.pop_front();
    if (node == nullptr) return nullptr;
    ++steps_;
    const auto found = subjects_.find(node);
    if (found == subjects_.end()) return node;
    running_ = found->second.get();
    if (std::exchange(running_->when_woken, false)) cancel(*running_);
    return node;
  }

  /// The scenario is over: what is left ends undisturbed.
  void rest() noexcept { resting_ = true; }
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  [[nodiscard]] std::uint64_t awaits() const noexcept { return awaits_; }
  [[nodiscard]] std::uint64_t cancels() const noexcept { return cancels_; }
  [[nodiscard]] std::uint32_t cancels_of(std::uint64_t id) const {
    const auto found = cancels_by_task_.find(id);
    return found == cancels_by_task_.end() ? 0 : found->second;
  }

 private:
  struct Subject {
    explicit Subject(TaskRec& record) noexcept : task(&record) {}
    TaskRec* task;
    bool when_woken = false;
    std::vector<std::uint64_t> due;  // steps at which it is cancelled
  };

  void shuffle() noexcept {
    std::vector<Runnable*> nodes;
    while (Runnable* node = tick_.pop_front()) nodes.push_back(node);
    std::vector<Runnable*> callbacks;  // what is no task keeps its order
    for (Runnable* node : nodes)
      if (dynamic_cast<TaskRec*>(node) == nullptr) callbacks.push_back(node);
    for (std::size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[order_.below(i)]);
    std::size_t next_callback = 0;
    for (Runnable*& node : nodes)
      if (dynamic_cast<TaskRec*>(node) == nullptr) node = callbacks[next_callback++];
    for (Runnable* node : nodes) tick_.push_back(*node);
  }

  void after_step() noexcept {
    Subject* subject = std::exchange(running_, nullptr);
    if (subject == nullptr) return;
    TaskRec& task = *subject->task;
    if (!task.done()) {
      choose(*subject);
      return;
    }
    std::erase(delayed_, subject);
    subjects_.erase(&task);
    task.release();
  }

  /// A subject is about to start or was suspended: is it cancelled here, and when?
  void choose(Subject& subject) noexcept {
    ++awaits_;
    if (resting_) return;
    if (options_.cancel_at) {
      if (options_.cancel_at->await != awaits_) return;
      if (options_.cancel_at->moment == CancelMoment::woken)
        subject.when_woken = true;
      else
        cancel(subject);
      return;
    }
    if (!choice_.one_in(options_.cancel_one_in)) return;
    switch (choice_.below(3)) {
      case 0:
        cancel(subject);
        break;
      case 1:
        subject.when_woken = true;
        break;
      default:
        if (subject.due.empty()) delayed_.push_back(&subject);
        subject.due.push_back(steps_ + 1 + choice_.below(8));
    }
  }

  void cancel_the_due() noexcept {
    for (std::size_t i = 0; i < delayed_.size();) {
      Subject& subject = *delayed_[i];
      const auto due = std::erase_if(subject.due, [this](std::uint64_t step) { return step <= steps_; });
      for (std::size_t n = 0; n < due; ++n) cancel(subject);
      if (subject.due.empty())
        delayed_.erase(delayed_.begin() + static_cast<std::ptrdiff_t>(i));
      else
        ++i;
    }
  }

  void cancel(Subject& subject) noexcept {
    if (resting_ || !subject.task->cancel(nullptr)) return;
    ++cancels_;
    ++cancels_by_task_[subject.task->id()];
  }

  const SeedOptions options_;
  Random order_;
  Random choice_;
  RunList tick_;
  RunList next_;
  std::unordered_map<const Runnable*, std::unique_ptr<Subject>> subjects_;  // never walked
  std::vector<Subject*> delayed_;
  std::unordered_map<std::uint64_t, std::uint32_t> cancels_by_task_;
  Subject* running_ = nullptr;
  std::uint64_t steps_ = 0;
  std::uint64_t awaits_ = 0;
  std::uint64_t cancels_ = 0;
  bool resting_ = false;
};

SeededLoop::SeededLoop(std::uint64_t seed, SeedOptions options)
    : seed_(seed),
      max_steps_(options.max_steps),
      random_(Random(~seed).fork()),
      queue_(new Queue(seed, options)),
      virtual_(std::unique_ptr<ReadyQueue>(queue_)) {}

SeededLoop::~SeededLoop() {
  queue_->rest();
}

void SeededLoop::mark(TaskRec& task) {
  queue_->mark(task);
}

std::uint64_t SeededLoop::awaits() const noexcept {
  return queue_->awaits();
}

std::uint64_t SeededLoop::cancels() const noexcept {
  return queue_->cancels();
}

std::uint32_t SeededLoop::cancels_of(std::uint64_t id) const {
  return queue_->cancels_of(id);
}

void SeededLoop::run_until_ended(TaskRec& main) {
  const std::uint64_t limit = queue_->steps() + max_steps_;
  loop().run_until([&] { return main.done() || queue_->steps() > limit; });
  if (main.done()) return;
  throw std::runtime_error(queue_->steps() > limit
                               ? "the history is endless: more than " + std::to_string(max_steps_) + " steps"
                               : "the event loop was stopped before its main task had ended");
}

}  // namespace coterie::testing
