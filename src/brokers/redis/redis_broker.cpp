#include "src/brokers/redis/redis_broker.hpp"

#include <atomic>
#include <future>
#include <utility>

#include "coterie/runtime.hpp"
#include "coterie/sleep.hpp"
#include "coterie/task_ref.hpp"
#include "coterie/threads/spawn_on.hpp"
#include "src/brokers/redis/persistence.hpp"
#include "src/brokers/redis/rounds.hpp"
#include "src/brokers/redis/servers.hpp"
#include "src/brokers/redis/shards.hpp"
#include "src/brokers/redis/switchboard.hpp"
#include "src/brokers/redis/wakes.hpp"
#include "src/brokers/redis/watch.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers {
namespace {

using namespace coterie::queue;  // NOLINT: the words of the contract
using redis::Rounds;
using redis::Settings;
using redis::Shards;
using redis::Switchboard;
using redis::Wakes;
using redis::Watch;

/// What lives on the broker's own loop.
struct Core {
  Core(const Settings& settings, const Limits& limits, std::optional<ClockSource> clock)
      : servers(redis::make_servers(settings)),
        shards(*servers, limits, std::move(clock)),
        watch(shards),
        wakes(shards, watch),
        rounds(shards, wakes),
        switchboard(shards) {}
  Task<void> open() {
    co_await servers->open();
    co_await shards.open();
  }
  Task<void> close() {
    co_await switchboard.close();
    co_await wakes.close();
    co_await watch.close();
    co_await servers->close();
    co_await shards.close();
  }
  std::unique_ptr<redis::Servers> servers;
  Shards shards;
  Watch watch;
  Wakes wakes;
  Rounds rounds;
  Switchboard switchboard;
};

Task<void> open_core(std::unique_ptr<Core>* core, Settings settings, Limits limits,
                     std::optional<ClockSource> clock) {
  auto made = std::make_unique<Core>(settings, limits, std::move(clock));
  Outcome<void> opened = co_await outcome(made->open());
  if (!opened.has_value()) co_await made->close();
  opened.get();
  *core = std::move(made);
}
/// Who made a call may have gone without its end, or be about to; and what it runs on goes next.
Task<void> end_calls() {
  const auto why = std::make_shared<const std::string>("the broker is closed");
  for (const TaskRef& task : all_tasks())
    if (task != current_task()) task->cancel(why);
  while (all_tasks().size() > 1) co_await sleep(Milliseconds{1});
}
Task<void> close_core(std::unique_ptr<Core> core) {
  co_await core->close();
  co_await end_calls();
}

RuntimeOptions one_loop() {
  RuntimeOptions options;
  options.loops = 1;
  options.name = "coterie-redis";
  options.debug_socket = false;  // that is for the program to choose; where it has one, this loop is seen too
  return options;
}

/// Each call goes to the loop on which the connection lives, and comes back with what it gave.
class RedisBroker final : public Broker {
 public:
  RedisBroker(const Settings& settings, const Limits& limits, std::optional<ClockSource> clock)
      : url_(settings.url()), limits_(limits), runtime_(one_loop()) {
    wait_here(open_core, &core_, settings, limits, std::move(clock));
  }
  ~RedisBroker() override {
    try {
      if (core_) wait_here(close_core, std::move(core_));
    } catch (...) {
      // Nobody is left who could be told.
    }
  }

  std::string url() const override { return url_; }
  const Limits& limits() const noexcept override { return limits_; }

  Task<std::vector<Enqueued>> enqueue(std::vector<JobSpec> jobs) override {
    validate_enqueue(jobs, limits_);
    auto call = spawn_on(loop(), &Shards::enqueue, &core_->shards, std::move(jobs));
    co_return co_await std::move(call);
  }
  Task<CycleReply> cycle(CycleRequest request) override {
    validate_cycle(request, limits_);
    auto call = spawn_on(loop(), &Rounds::cycle, &core_->rounds, std::move(request));
    co_return co_await std::move(call);
  }
  Task<std::vector<Verdict>> extend(Uuid worker, std::vector<LeaseRef> leases, Milliseconds lease) override {
    validate_extend(worker, leases, lease, limits_);
    auto call = spawn_on(loop(), &Shards::extend, &core_->shards, worker, std::move(leases), lease);
    co_return co_await std::move(call);
  }
  Task<std::uint64_t> changed(std::uint64_t known, Milliseconds at_most) override {
    auto call = spawn_on(loop(), &Watch::changed, &core_->watch, known, at_most);
    co_return co_await std::move(call);
  }
  Task<std::uint64_t> changed_for(Uuid worker, std::uint64_t known, Milliseconds at_most) override {
    auto call = spawn_on(loop(), &Wakes::changed, &core_->wakes, worker, known, at_most);
    co_return co_await std::move(call);
  }
  Task<std::uint64_t> version() override {
    auto call = spawn_on(loop(), &Watch::version, &core_->watch);
    co_return co_await std::move(call);
  }
  Task<std::vector<std::optional<JobInfo>>> get(std::vector<JobId> ids, bool bodies) override {
    validate_ids(ids, limits_);
    auto call = spawn_on(loop(), &Shards::get, &core_->shards, std::move(ids), bodies);
    co_return co_await std::move(call);
  }
  Task<JobPage> list(JobFilter filter) override {
    validate_filter(filter, limits_);
    auto call = spawn_on(loop(), &Shards::list, &core_->shards, std::move(filter));
    co_return co_await std::move(call);
  }
  Task<std::vector<JobInfo>> recently_ended(std::uint32_t limit) override {
    validate_sample(limit);
    auto call = spawn_on(loop(), &Shards::recently_ended, &core_->shards, limit);
    co_return co_await std::move(call);
  }
  Task<std::vector<QueueInfo>> queues() override {
    auto call = spawn_on(loop(), &Shards::queues, &core_->shards);
    co_return co_await std::move(call);
  }
  Task<std::vector<CancelResult>> cancel(std::vector<JobId> ids) override {
    validate_ids(ids, limits_);
    auto call = spawn_on(loop(), &Shards::cancel, &core_->shards, std::move(ids));
    co_return co_await std::move(call);
  }
  Task<std::vector<bool>> retry(std::vector<JobId> ids) override {
    validate_ids(ids, limits_);
    auto call = spawn_on(loop(), &Shards::retry, &core_->shards, std::move(ids));
    co_return co_await std::move(call);
  }
  Task<std::uint64_t> purge(JobFilter filter) override {
    validate_filter(filter, limits_);
    auto call = spawn_on(loop(), &Shards::purge, &core_->shards, std::move(filter));
    co_return co_await std::move(call);
  }
  Task<void> pause(std::string queue) override {
    validate_queue(queue, limits_);
    auto call = spawn_on(loop(), &Shards::pause, &core_->shards, std::move(queue), true);
    co_await std::move(call);
  }
  Task<void> resume(std::string queue) override {
    validate_queue(queue, limits_);
    auto call = spawn_on(loop(), &Shards::pause, &core_->shards, std::move(queue), false);
    co_await std::move(call);
  }
  Task<std::vector<std::string>> paused() override {
    auto call = spawn_on(loop(), &Shards::paused, &core_->shards);
    co_return co_await std::move(call);
  }
  Task<JobLinks> links(JobId id, std::uint32_t most) override {
    validate_ids({id}, limits_);
    auto call = spawn_on(loop(), &Shards::links, &core_->shards, id, most);
    co_return co_await std::move(call);
  }
  Task<std::vector<std::optional<JobExport>>> export_jobs(std::vector<JobId> ids, bool payloads) override {
    validate_ids(ids, limits_);
    auto call = spawn_on(loop(), &Shards::export_jobs, &core_->shards, std::move(ids), payloads);
    co_return co_await std::move(call);
  }
  Task<std::vector<Withdrawn>> withdraw(std::vector<JobId> ids) override {
    validate_ids(ids, limits_);
    auto call = spawn_on(loop(), &Shards::withdraw, &core_->shards, std::move(ids));
    co_return co_await std::move(call);
  }
  Task<void> readmit(std::vector<JobId> ids) override {
    validate_ids(ids, limits_);
    auto call = spawn_on(loop(), &Shards::readmit, &core_->shards, std::move(ids));
    co_await std::move(call);
  }
  Task<std::optional<std::string>> get_note(std::string key) override {
    validate_note_key(key);
    auto call = spawn_on(loop(), &Shards::get_note, &core_->shards, std::move(key));
    co_return co_await std::move(call);
  }
  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value) override {
    validate_note(key, expected, value);
    auto call = spawn_on(loop(), &Shards::put_note, &core_->shards, std::move(key), std::move(expected),
                         std::move(value));
    co_return co_await std::move(call);
  }

  Task<void> announce(WorkerReport report) override {
    validate_report(report, limits_);
    auto call = spawn_on(loop(), &Switchboard::announce, &core_->switchboard, std::move(report));
    co_await std::move(call);
  }
  Task<Fleet> workers() override {
    auto call = spawn_on(loop(), &Switchboard::workers, &core_->switchboard);
    co_return co_await std::move(call);
  }
  Task<WorkerAnswer> ask(Uuid worker, std::string question, Milliseconds at_most) override {
    validate_question(worker, question, at_most);
    auto call =
        spawn_on(loop(), &Switchboard::ask, &core_->switchboard, worker, std::move(question), at_most);
    co_return co_await std::move(call);
  }
  Task<std::vector<Question>> questions(Uuid worker, Milliseconds at_most) override {
    auto call = spawn_on(loop(), &Switchboard::questions, &core_->switchboard, worker, at_most);
    co_return co_await std::move(call);
  }
  Task<void> answer(Uuid worker, Uuid question, WorkerAnswer answer) override {
    validate_answer(worker, question, answer);
    auto call =
        spawn_on(loop(), &Switchboard::answer, &core_->switchboard, worker, question, std::move(answer));
    co_await std::move(call);
  }
  Task<std::vector<std::string>> warnings() override {
    std::vector<std::string> lines;
    if (warned_.exchange(true)) co_return lines;
    auto call = spawn_on(loop(), redis::persistence_warning, core_->servers.get(), &core_->shards);
    std::optional<std::string> line = co_await std::move(call);
    if (line) lines.push_back(*std::move(line));
    co_return lines;
  }

 private:
  [[nodiscard]] EventLoop& loop() const { return runtime_.loop(0); }

  /// Runs it on the broker's loop and blocks this thread until it has ended: for the beginning and the end.
  template <class Fn, class... Args>
  void wait_here(Fn fn, Args... args) {
    std::promise<void> ended;
    auto body = [&ended, fn](Args... given) -> Task<void> {
      Task<void> work = fn(std::move(given)...);
      Outcome<void> end = co_await outcome(std::move(work));
      if (end.has_value())
        ended.set_value();
      else
        ended.set_exception(end.error());
    };
    auto task = spawn_on(loop(), body, std::move(args)...);
    ended.get_future().get();
  }

  std::string url_;
  Limits limits_;
  Runtime runtime_;
  std::unique_ptr<Core> core_;
  std::atomic<bool> warned_{false};
};

}  // namespace

std::shared_ptr<Broker> open_redis_broker(const BrokerUrl& url, const BrokerOptions& options,
                                          std::optional<ClockSource> clock) {
  return std::make_shared<RedisBroker>(redis::settings_of(url), options.limits, std::move(clock));
}

bool is_redis(const BrokerUrl& url) {
  for (const char* scheme : {"redis", "rediss", "redis+unix", "redis+sentinel", "rediss+sentinel",
                             "redis+cluster", "rediss+cluster"})
    if (url.scheme == scheme) return true;
  return false;
}

std::shared_ptr<Broker> open_redis_broker(const BrokerUrl& url, const BrokerOptions& options) {
  return open_redis_broker(url, options, std::nullopt);
}

}  // namespace coterie::brokers
