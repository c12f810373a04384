#include "coterie/metrics/loop.hpp"

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coterie/sched/fair_share.hpp"
#include "coterie/sched/weighted_round_robin_policy.hpp"
#include "src/core/step_sample.hpp"

namespace coterie::metrics {
namespace {

constexpr std::array lag_bounds{.0001, .00025, .0005, .001, .0025, .005, .01, .025,
                                .05,   .1,     .25,   .5,   1.,    2.5,  10.};

constexpr std::array poll_bounds{1e-6,     4e-6,    1.6e-5,  6.4e-5,  2.56e-4, 1.024e-3,
                                 4.096e-3, .016384, .065536, .262144, 1.048576};

constexpr Family tasks{"coterie_tasks", Type::gauge,
                       "Tasks that have not ended, by what they do: wait, or stand in line to run"};
constexpr Family lag{"coterie_loop_lag_seconds", Type::histogram,
                     "How late the loop's timers were, as seen by one that is due ten times a second"};
constexpr Family overdue{"coterie_loop_overdue_seconds", Type::gauge,
                         "For how long that timer has been due now: grows while something blocks the loop"};
constexpr Family polls{"coterie_poll_duration_seconds", Type::histogram,
                       "How long a step held the loop, of one step ten times a second"};
constexpr Family class_steps{"coterie_class_steps_total", Type::counter, "Steps that a scheduling class ran"};
constexpr Family class_runtime{"coterie_class_runtime_seconds_total", Type::counter,
                               "Time in which steps of a scheduling class ran"};
constexpr Family class_wait{"coterie_class_wait_seconds_total", Type::counter,
                            "Time in which nothing of a scheduling class was ready"};
constexpr Family class_starved{"coterie_class_starved_seconds_total", Type::counter,
                               "Time in which something of a scheduling class was ready, and others ran"};
constexpr Family class_queue{"coterie_class_queue_length", Type::gauge,
                             "Tasks of a scheduling class that stand in line to run, counted once a second"};
constexpr Family class_weight{
    "coterie_class_weight", Type::gauge,
    "Weight or shares of a scheduling class, where the loop's policy has them; added up over loops"};
constexpr Family class_dropped{"coterie_metrics_dropped_labels_total", Type::counter,
                               "What was counted as `_other` because a family may have no more labels"};

double seconds(Duration time) noexcept {
  return std::chrono::duration<double>(time).count();
}

/// Nothing: the policy knows no weights.
std::optional<std::uint32_t> weight_of(const ReadyQueue* policy, SchedClass sched_class) noexcept {
  if (sched_class == runtime_class) return std::nullopt;
  if (const auto* fair = dynamic_cast<const FairSharePolicy*>(policy)) return fair->shares(sched_class);
  if (const auto* turns = dynamic_cast<const WeightedRoundRobinPolicy*>(policy))
    return turns->weight(sched_class);
  return std::nullopt;
}

class LoopWatch final : public Source, public std::enable_shared_from_this<LoopWatch> {
 public:
  LoopWatch(EventLoop& loop, std::string label, const LoopWatchOptions& options)
      : label_(std::move(label)), options_(options), loop_(&loop), is_virtual_(loop.poller().is_virtual()) {}

  void begin() {
    count_tasks();
    arm(std::make_shared<Hold>(shared_from_this()));
  }
  void collect(Snapshot& into) const override;

 private:
  /// In the timer's callback: when that is destroyed for good, the loop has closed.
  struct Hold {
    explicit Hold(std::shared_ptr<LoopWatch> its) : watch(std::move(its)) {}
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { watch->loop_gone(); }
    const std::shared_ptr<LoopWatch> watch;
  };

  void arm(std::shared_ptr<Hold> hold) {
    const TimePoint due = loop_->now() + options_.every;
    due_.store(due.time_since_epoch().count(), std::memory_order_relaxed);
    loop_->call_at(due, [hold = std::move(hold), due] { hold->watch->look(hold, due); });
  }
  void look(const std::shared_ptr<Hold>& hold, TimePoint due) {
    lag_.observe(seconds(std::max(Duration::zero(), loop_->now() - due)));
    coterie::detail::StepSample::ask(*loop_, [watch = weak_from_this()](Duration took) {
      if (const auto its = watch.lock()) its->polls_.observe(seconds(took));
    });
    if (++looks_ % options_.looks_per_count == 0) count_tasks();
    if (!loop_->closed()) arm(hold);
  }
  void count_tasks();
  void loop_gone() noexcept {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
    waiting_.set(0);
    ready_.set(0);
    uncounted_.set(0);
  }
  void collect_classes(Snapshot& into) const;
  [[nodiscard]] bool has_classes() const { return !loop_->class_times().empty(); }

  const std::string label_;
  const LoopWatchOptions options_;
  mutable std::mutex mutex_;  // of loop_ where others read it, known_, ready_of_ and weight_of_
  EventLoop* loop_;
  const bool is_virtual_;
  unsigned looks_ = 0;
  std::atomic<Duration::rep> due_{0};
  Histogram lag_{lag_bounds};
  Histogram polls_{poll_bounds};
  Gauge waiting_;
  Gauge ready_;
  Gauge uncounted_;
  std::unordered_map<SchedClass, std::size_t> ready_of_;
  std::unordered_map<SchedClass, std::uint32_t> weight_of_;
  mutable std::vector<SchedClass> known_;  // classes that have a label, as they came
  mutable Counter dropped_;
};

void LoopWatch::count_tasks() {
  std::size_t waiting = 0;
  std::size_t seen = 0;
  std::unordered_map<SchedClass, std::size_t> ready;
  const bool by_class = has_classes();
  for (const TaskRec* task = loop_->first_task(); task != nullptr && seen < options_.most_tasks;
       task = task->next_task()) {
    ++seen;
    if (task->waiting_on() != nullptr) ++waiting;
    if (by_class && task->queued()) ++ready[task->sched_class()];
  }
  waiting_.set(static_cast<double>(waiting));
  ready_.set(static_cast<double>(seen - waiting));
  uncounted_.set(static_cast<double>(loop_->task_count() - seen));
  if (!by_class) return;
  std::unordered_map<SchedClass, std::uint32_t> weights;
  for (const ClassTimes& times : loop_->class_times())
    if (const auto weight = weight_of(loop_->policy(), times.sched_class))
      weights.emplace(times.sched_class, *weight);
  const std::lock_guard lock(mutex_);
  ready_of_ = std::move(ready);
  weight_of_ = std::move(weights);
}

void LoopWatch::collect(Snapshot& into) const {
  const std::lock_guard lock(mutex_);
  into.add(tasks, {{"loop", label_}, {"state", "waiting"}}, waiting_.value());
  into.add(tasks, {{"loop", label_}, {"state", "ready"}}, ready_.value());
  into.add(tasks, {{"loop", label_}, {"state", "uncounted"}}, uncounted_.value());
  into.add(lag, {{"loop", label_}}, lag_);
  into.add(polls, {{"loop", label_}}, polls_);
  const TimePoint due{Duration(due_.load(std::memory_order_relaxed))};
  const bool known = loop_ != nullptr && !is_virtual_;  // virtual time is not for other threads to read
  const Duration late = known ? std::max(Duration::zero(), Clock::now() - due) : Duration::zero();
  into.add(overdue, {{"loop", label_}}, seconds(late));
  if (loop_ != nullptr) collect_classes(into);
}

void LoopWatch::collect_classes(Snapshot& into) const {
  const std::vector<ClassTimes> all = loop_->class_times();
  if (all.empty()) return;
  for (const ClassTimes& times : all) {
    bool is_known = std::find(known_.begin(), known_.end(), times.sched_class) != known_.end();
    if (!is_known && known_.size() < most_label_values) {
      known_.push_back(times.sched_class);
      is_known = true;
    }
    const std::string name = is_known ? std::to_string(times.sched_class) : std::string(other_label);
    into.add(class_steps, {{"class", name}}, static_cast<double>(times.steps));
    into.add(class_runtime, {{"class", name}}, seconds(times.runtime));
    into.add(class_wait, {{"class", name}}, seconds(times.waiting));
    into.add(class_starved, {{"class", name}}, seconds(times.starved));
    const auto ready = ready_of_.find(times.sched_class);
    into.add(class_queue, {{"class", name}},
             ready == ready_of_.end() ? 0. : static_cast<double>(ready->second));
    const auto weight = weight_of_.find(times.sched_class);
    if (is_known && weight != weight_of_.end())
      into.add(class_weight, {{"class", name}}, static_cast<double>(weight->second));
    if (!is_known) dropped_.add();
  }
  into.add(class_dropped, {}, static_cast<double>(dropped_.value()));
}

}  // namespace

void watch_loop(Registry& registry, std::string label, const LoopWatchOptions& options) {
  auto watch = std::make_shared<LoopWatch>(EventLoop::current(), std::move(label), options);
  registry.add(watch);
  watch->begin();
}

}  // namespace coterie::metrics
