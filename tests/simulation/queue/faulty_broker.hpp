#pragma once
#include <memory>
#include <stdexcept>
#include <string>

#include "coterie/queue/broker.hpp"
#include "src/queue/wakeup.hpp"
#include "tests/simulation/queue/world.hpp"

namespace coterie::simulation {

/// Nothing of a process that has died reaches anybody.
class Died : public std::runtime_error {
 public:
  Died() : std::runtime_error("the process has died") {}
};

/// One process's connection to the broker of its world. A call may fail before it is applied or after, take
/// long, and arrive once more, late. It dies with its process: all calls then throw Died, those in flight
/// too.
class FaultyBroker final : public queue::Broker {
 public:
  FaultyBroker(std::shared_ptr<World> world, std::string process)
      : world_(std::move(world)), process_(std::move(process)), real_(world_->store(), "memory://", {}) {}

  void die();
  [[nodiscard]] bool dead() const noexcept { return dead_; }
  /// Notified when it has died; also for whoever wants to wake its owner.
  queue::Wakeup wakeup;
  /// When a call last went wrong or took long, ms of elapsed time.
  [[nodiscard]] double disturbed_at() const noexcept { return disturbed_at_; }

  [[nodiscard]] std::string url() const override { return "memory://simulated"; }
  [[nodiscard]] const queue::Limits& limits() const noexcept override { return real_.limits(); }
  Task<std::vector<queue::Enqueued>> enqueue(std::vector<queue::JobSpec> jobs) override;
  Task<queue::CycleReply> cycle(queue::CycleRequest request) override;
  Task<std::uint64_t> changed(std::uint64_t version, queue::Milliseconds at_most) override;
  Task<std::uint64_t> version() override;
  Task<std::vector<std::optional<queue::JobInfo>>> get(std::vector<queue::JobId> ids, bool bodies) override;
  Task<std::vector<queue::CancelResult>> cancel(std::vector<queue::JobId> ids) override;
  Task<std::vector<bool>> retry(std::vector<queue::JobId> ids) override;
  // Nobody in these worlds asks for them: virtual time has no thread that a handler could not block.
  Task<std::vector<queue::Verdict>> extend(queue::Uuid worker, std::vector<queue::LeaseRef> leases,
                                           queue::Milliseconds lease) override {
    return real_.extend(worker, std::move(leases), lease);
  }
  Task<queue::JobPage> list(queue::JobFilter filter) override { return real_.list(std::move(filter)); }
  Task<std::vector<queue::JobInfo>> recently_ended(std::uint32_t limit) override {
    return real_.recently_ended(limit);
  }
  Task<std::vector<queue::QueueInfo>> queues() override { return real_.queues(); }
  Task<std::uint64_t> purge(queue::JobFilter filter) override { return real_.purge(std::move(filter)); }
  Task<void> pause(std::string queue) override { return real_.pause(std::move(queue)); }
  Task<void> resume(std::string queue) override { return real_.resume(std::move(queue)); }
  Task<std::vector<std::string>> paused() override { return real_.paused(); }
  Task<queue::JobLinks> links(queue::JobId id, std::uint32_t most) override { return real_.links(id, most); }
  Task<std::vector<std::optional<queue::JobExport>>> export_jobs(std::vector<queue::JobId> ids,
                                                                 bool payloads) override {
    return real_.export_jobs(std::move(ids), payloads);
  }
  Task<std::vector<queue::Withdrawn>> withdraw(std::vector<queue::JobId> ids) override {
    return real_.withdraw(std::move(ids));
  }
  Task<void> readmit(std::vector<queue::JobId> ids) override { return real_.readmit(std::move(ids)); }
  Task<std::optional<std::string>> get_note(std::string key) override {
    return real_.get_note(std::move(key));
  }
  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value) override {
    return real_.put_note(std::move(key), std::move(expected), std::move(value));
  }
  Task<void> announce(queue::WorkerReport report) override { return real_.announce(std::move(report)); }
  Task<queue::Fleet> workers() override { return real_.workers(); }
  Task<queue::WorkerAnswer> ask(queue::Uuid worker, std::string question,
                                queue::Milliseconds at_most) override {
    return real_.ask(worker, std::move(question), at_most);
  }
  Task<std::vector<queue::Question>> questions(queue::Uuid worker, queue::Milliseconds at_most) override {
    return real_.questions(worker, at_most);
  }
  Task<void> answer(queue::Uuid worker, queue::Uuid question, queue::WorkerAnswer answer) override {
    return real_.answer(worker, question, std::move(answer));
  }

 private:
  template <class Request>
  using Reply = decltype(std::declval<World&>().apply(std::declval<const Request&>()));
  template <class Request>
  Task<Reply<Request>> carry(Request request);
  void check_alive() const;
  void disturb(double for_ms);
  [[noreturn]] void fail(const char* what);

  const std::shared_ptr<World> world_;
  const std::string process_;
  brokers::MemoryBroker real_;
  bool dead_ = false;
  double disturbed_at_ = -1;
};

}  // namespace coterie::simulation
