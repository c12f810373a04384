#pragma once
#include <memory>
#include <string>

#include "coterie/queue/broker.hpp"
#include "src/brokers/memory/store.hpp"

namespace coterie::brokers {

/// The store's plain calls as a Broker. A call does its work on the loop that awaits it, under the store's
/// mutex; only `changed` waits. Several brokers may share a store, each with its own limits.
class MemoryBroker final : public queue::Broker {
 public:
  MemoryBroker(std::shared_ptr<memory::Store> store, std::string url, queue::Limits limits)
      : store_(std::move(store)), url_(std::move(url)), limits_(limits) {}

  [[nodiscard]] std::string url() const override { return url_; }
  [[nodiscard]] const queue::Limits& limits() const noexcept override { return limits_; }

  Task<std::vector<queue::Enqueued>> enqueue(std::vector<queue::JobSpec> jobs) override;
  Task<queue::CycleReply> cycle(queue::CycleRequest request) override;
  Task<std::vector<queue::Verdict>> extend(queue::Uuid worker, std::vector<queue::LeaseRef> leases,
                                           queue::Milliseconds lease) override;
  Task<std::uint64_t> changed(std::uint64_t version, queue::Milliseconds at_most) override;
  Task<std::uint64_t> version() override;
  Task<std::vector<std::optional<queue::JobInfo>>> get(std::vector<queue::JobId> ids, bool bodies) override;
  Task<queue::JobPage> list(queue::JobFilter filter) override;
  Task<std::vector<queue::JobInfo>> recently_ended(std::uint32_t limit) override;
  Task<std::vector<queue::QueueInfo>> queues() override;
  Task<std::vector<queue::CancelResult>> cancel(std::vector<queue::JobId> ids) override;
  Task<std::vector<bool>> retry(std::vector<queue::JobId> ids) override;
  Task<std::uint64_t> purge(queue::JobFilter filter) override;
  Task<void> pause(std::string queue) override;
  Task<void> resume(std::string queue) override;
  Task<std::vector<std::string>> paused() override;
  Task<queue::JobLinks> links(queue::JobId id, std::uint32_t most) override;
  Task<std::vector<std::optional<queue::JobExport>>> export_jobs(std::vector<queue::JobId> ids,
                                                                 bool payloads) override;
  Task<std::vector<queue::Withdrawn>> withdraw(std::vector<queue::JobId> ids) override;
  Task<void> readmit(std::vector<queue::JobId> ids) override;
  Task<std::optional<std::string>> get_note(std::string key) override;
  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value) override;
  Task<void> announce(queue::WorkerReport report) override;
  Task<queue::Fleet> workers() override;
  Task<queue::WorkerAnswer> ask(queue::Uuid worker, std::string question,
                                queue::Milliseconds at_most) override;
  Task<std::vector<queue::Question>> questions(queue::Uuid worker, queue::Milliseconds at_most) override;
  Task<void> answer(queue::Uuid worker, queue::Uuid question, queue::WorkerAnswer answer) override;

 private:
  std::shared_ptr<memory::Store> store_;
  std::string url_;
  queue::Limits limits_;
};

}  // namespace coterie::brokers
