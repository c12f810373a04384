// A broker whose calls are counted.
#include <array>
#include <mutex>

#include "coterie/await_outcome.hpp"
#include "coterie/loop.hpp"
#include "coterie/queue/metrics.hpp"
#include "src/queue/job_table.hpp"
#include "src/queue/metric_families.hpp"

namespace coterie::queue {
namespace {

/// The label `op`. Those that are rare go together.
enum class Op : std::uint8_t { enqueue, cycle, extend, get, list, queues, cancel, retry, purge, other };
constexpr std::array<std::string_view, 10> op_names{"enqueue", "cycle",  "extend", "get",   "list",
                                                    "queues",  "cancel", "retry",  "purge", "other"};

/// The label `backend`, of a URL.
std::string_view backend_of(const std::string& url) {
  for (const std::string_view known : {"memory", "sqlite", "redis"})
    if (url.starts_with(known)) return known;
  return metrics::other_label;
}

/// Calls come from any loop, so one lock guards the writing: once a call, and never in the middle of one.
class BrokerMetrics final : public metrics::Source {
 public:
  struct Enqueued {
    explicit Enqueued(std::size_t /*queue*/) {}
    metrics::Counter jobs;
  };

  BrokerMetrics(std::string_view backend, MetricLabels labels)
      : backend_(backend), enqueued_(std::move(labels.queues), std::move(labels.tasks)) {
    connected_.set(1);
  }

  void ended(Op op, Duration took, const std::exception_ptr& error) {
    bool unreachable = false;
    if (error) {
      try {
        std::rethrow_exception(error);
      } catch (const Cancelled&) {
        return;  // whoever called wanted to know no more
      } catch (const BrokerUnavailable&) {
        unreachable = true;
      } catch (...) {  // it answered, and not as was hoped
      }
    }
    const std::lock_guard lock(mutex_);
    calls_[static_cast<std::size_t>(op)].duration.observe(std::chrono::duration<double>(took).count());
    if (error) calls_[static_cast<std::size_t>(op)].errors.add();
    connected_.set(unreachable ? 0 : 1);
  }
  [[nodiscard]] std::vector<Enqueued*> cells_of(const std::vector<JobSpec>& jobs) {
    std::vector<Enqueued*> cells;
    cells.reserve(jobs.size());
    const std::lock_guard lock(mutex_);
    for (const JobSpec& job : jobs) cells.push_back(&enqueued_.of(job.queue, job.name));
    return cells;
  }
  void added(const std::vector<Enqueued*>& cells, const std::vector<queue::Enqueued>& answers) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (answers[i] == queue::Enqueued::created) cells[i]->jobs.add();
  }
  void collect(metrics::Snapshot& into) const override {
    enqueued_.each([&](std::string_view queue, std::string_view task, const Enqueued& cells) {
      into.add(families::enqueued, {{"queue", queue}, {"task", task}},
               static_cast<double>(cells.jobs.value()));
    });
    for (std::size_t i = 0; i < op_names.size(); ++i) {
      into.add(families::call_duration, {{"op", op_names[i]}, {"backend", backend_}}, calls_[i].duration);
      into.add(families::call_errors, {{"op", op_names[i]}}, static_cast<double>(calls_[i].errors.value()));
    }
    into.add(families::connected, {}, connected_.value());
    into.add(families::dropped, {}, static_cast<double>(enqueued_.dropped()));
  }

 private:
  struct Calls {
    metrics::Histogram duration{families::call_bounds};
    metrics::Counter errors;
  };
  const std::string_view backend_;
  std::mutex mutex_;
  std::array<Calls, op_names.size()> calls_;
  metrics::Gauge connected_;
  JobTable<Enqueued> enqueued_;
};

template <class T>
Task<T> measured(std::shared_ptr<BrokerMetrics> metrics, Op op, Task<T> call) {
  EventLoop& loop = EventLoop::current();
  const TimePoint began = loop.now();
  Outcome<T> end = co_await outcome(std::move(call));
  metrics->ended(op, loop.now() - began, end.has_value() ? nullptr : end.error());
  if constexpr (std::is_void_v<T>)
    end.get();
  else
    co_return std::move(end.get());
}

class MeteredBroker final : public Broker {
 public:
  MeteredBroker(std::shared_ptr<Broker> real, std::shared_ptr<BrokerMetrics> metrics)
      : real_(std::move(real)), metrics_(std::move(metrics)) {}

  std::string url() const override { return real_->url(); }
  const Limits& limits() const noexcept override { return real_->limits(); }
  std::uint64_t sync_count() const noexcept override { return real_->sync_count(); }

  Task<std::vector<Enqueued>> enqueue(std::vector<JobSpec> jobs) override {
    std::vector<BrokerMetrics::Enqueued*> cells = metrics_->cells_of(jobs);
    return count_added(metrics_, measured(metrics_, Op::enqueue, real_->enqueue(std::move(jobs))),
                       std::move(cells));
  }
  Task<CycleReply> cycle(CycleRequest request) override {
    return measured(metrics_, Op::cycle, real_->cycle(std::move(request)));
  }
  Task<std::vector<Verdict>> extend(Uuid worker, std::vector<LeaseRef> leases, Milliseconds lease) override {
    return measured(metrics_, Op::extend, real_->extend(worker, std::move(leases), lease));
  }
  // These wait, however long.
  Task<std::uint64_t> changed(std::uint64_t version, Milliseconds at_most) override {
    return real_->changed(version, at_most);
  }
  Task<std::uint64_t> changed_for(Uuid worker, std::uint64_t version, Milliseconds at_most) override {
    return real_->changed_for(worker, version, at_most);
  }
  Task<std::uint64_t> version() override { return measured(metrics_, Op::other, real_->version()); }
  Task<std::vector<std::optional<JobInfo>>> get(std::vector<JobId> ids, bool bodies) override {
    return measured(metrics_, Op::get, real_->get(std::move(ids), bodies));
  }
  Task<JobPage> list(JobFilter filter) override {
    return measured(metrics_, Op::list, real_->list(std::move(filter)));
  }
  Task<std::vector<JobInfo>> recently_ended(std::uint32_t limit) override {
    return measured(metrics_, Op::list, real_->recently_ended(limit));
  }
  Task<std::vector<QueueInfo>> queues() override { return measured(metrics_, Op::queues, real_->queues()); }
  Task<std::vector<CancelResult>> cancel(std::vector<JobId> ids) override {
    return measured(metrics_, Op::cancel, real_->cancel(std::move(ids)));
  }
  Task<std::vector<bool>> retry(std::vector<JobId> ids) override {
    return measured(metrics_, Op::retry, real_->retry(std::move(ids)));
  }
  Task<std::uint64_t> purge(JobFilter filter) override {
    return measured(metrics_, Op::purge, real_->purge(std::move(filter)));
  }
  Task<void> pause(std::string queue) override {
    return measured(metrics_, Op::other, real_->pause(std::move(queue)));
  }
  Task<void> resume(std::string queue) override {
    return measured(metrics_, Op::other, real_->resume(std::move(queue)));
  }
  Task<std::vector<std::string>> paused() override { return measured(metrics_, Op::other, real_->paused()); }
  Task<JobLinks> links(JobId id, std::uint32_t most) override {
    return measured(metrics_, Op::other, real_->links(id, most));
  }
  Task<std::vector<std::optional<JobExport>>> export_jobs(std::vector<JobId> ids, bool payloads) override {
    return measured(metrics_, Op::other, real_->export_jobs(std::move(ids), payloads));
  }
  Task<std::vector<Withdrawn>> withdraw(std::vector<JobId> ids) override {
    return measured(metrics_, Op::other, real_->withdraw(std::move(ids)));
  }
  Task<void> readmit(std::vector<JobId> ids) override {
    return measured(metrics_, Op::other, real_->readmit(std::move(ids)));
  }
  Task<std::optional<std::string>> get_note(std::string key) override {
    return measured(metrics_, Op::other, real_->get_note(std::move(key)));
  }
  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value) override {
    return measured(metrics_, Op::other,
                    real_->put_note(std::move(key), std::move(expected), std::move(value)));
  }
  Task<void> announce(WorkerReport report) override {
    return measured(metrics_, Op::other, real_->announce(std::move(report)));
  }
  Task<Fleet> workers() override { return measured(metrics_, Op::other, real_->workers()); }
  // These two wait for others.
  Task<WorkerAnswer> ask(Uuid worker, std::string question, Milliseconds at_most) override {
    return real_->ask(worker, std::move(question), at_most);
  }
  Task<std::vector<Question>> questions(Uuid worker, Milliseconds at_most) override {
    return real_->questions(worker, at_most);
  }
  Task<void> answer(Uuid worker, Uuid question, WorkerAnswer answer) override {
    return measured(metrics_, Op::other, real_->answer(worker, question, std::move(answer)));
  }
  Task<std::vector<std::string>> warnings() override { return real_->warnings(); }

 private:
  static Task<std::vector<Enqueued>> count_added(std::shared_ptr<BrokerMetrics> metrics,
                                                 Task<std::vector<Enqueued>> call,
                                                 std::vector<BrokerMetrics::Enqueued*> cells) {
    std::vector<Enqueued> answers = co_await std::move(call);
    metrics->added(cells, answers);
    co_return answers;
  }
  const std::shared_ptr<Broker> real_;
  const std::shared_ptr<BrokerMetrics> metrics_;
};

}  // namespace

std::shared_ptr<Broker> metered(std::shared_ptr<Broker> broker, metrics::Registry& registry,
                                MetricLabels labels) {
  auto counts = std::make_shared<BrokerMetrics>(backend_of(broker->url()), std::move(labels));
  registry.add(counts);
  return std::make_shared<MeteredBroker>(std::move(broker), std::move(counts));
}

}  // namespace coterie::queue
