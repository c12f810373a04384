#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::tests {

/// Hands every call on to another broker: for tests that change some of them.
class ForwardingBroker : public queue::Broker {
 public:
  explicit ForwardingBroker(std::shared_ptr<queue::Broker> real) : real_(std::move(real)) {}

  std::string url() const override { return real_->url(); }
  const queue::Limits& limits() const noexcept override { return real_->limits(); }
  Task<std::vector<queue::Enqueued>> enqueue(std::vector<queue::JobSpec> jobs) override {
    return real_->enqueue(std::move(jobs));
  }
  Task<queue::CycleReply> cycle(queue::CycleRequest request) override {
    return real_->cycle(std::move(request));
  }
  Task<std::vector<queue::Verdict>> extend(queue::Uuid worker, std::vector<queue::LeaseRef> leases,
                                           queue::Milliseconds lease) override {
    return real_->extend(worker, std::move(leases), lease);
  }
  Task<std::uint64_t> changed(std::uint64_t version, queue::Milliseconds at_most) override {
    return real_->changed(version, at_most);
  }
  Task<std::uint64_t> version() override { return real_->version(); }
  Task<std::vector<std::optional<queue::JobInfo>>> get(std::vector<queue::JobId> ids, bool bodies) override {
    return real_->get(std::move(ids), bodies);
  }
  Task<queue::JobPage> list(queue::JobFilter filter) override { return real_->list(std::move(filter)); }
  Task<std::vector<queue::JobInfo>> recently_ended(std::uint32_t limit) override {
    return real_->recently_ended(limit);
  }
  Task<std::vector<std::string>> warnings() override { return real_->warnings(); }
  Task<std::vector<queue::QueueInfo>> queues() override { return real_->queues(); }
  Task<std::vector<queue::CancelResult>> cancel(std::vector<queue::JobId> ids) override {
    return real_->cancel(std::move(ids));
  }
  Task<std::vector<bool>> retry(std::vector<queue::JobId> ids) override {
    return real_->retry(std::move(ids));
  }
  Task<std::uint64_t> purge(queue::JobFilter filter) override { return real_->purge(std::move(filter)); }
  Task<void> pause(std::string queue) override { return real_->pause(std::move(queue)); }
  Task<void> resume(std::string queue) override { return real_->resume(std::move(queue)); }
  Task<std::vector<std::string>> paused() override { return real_->paused(); }
  Task<queue::JobLinks> links(queue::JobId id, std::uint32_t most) override { return real_->links(id, most); }
  Task<std::vector<std::optional<queue::JobExport>>> export_jobs(std::vector<queue::JobId> ids,
                                                                 bool payloads) override {
    return real_->export_jobs(std::move(ids), payloads);
  }
  Task<std::vector<queue::Withdrawn>> withdraw(std::vector<queue::JobId> ids) override {
    return real_->withdraw(std::move(ids));
  }
  Task<void> readmit(std::vector<queue::JobId> ids) override { return real_->readmit(std::move(ids)); }
  Task<std::optional<std::string>> get_note(std::string key) override {
    return real_->get_note(std::move(key));
  }
  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value) override {
    return real_->put_note(std::move(key), std::move(expected), std::move(value));
  }
  Task<void> announce(queue::WorkerReport report) override { return real_->announce(std::move(report)); }
  Task<queue::Fleet> workers() override { return real_->workers(); }
  Task<queue::WorkerAnswer> ask(queue::Uuid worker, std::string question,
                                queue::Milliseconds at_most) override {
    return real_->ask(worker, std::move(question), at_most);
  }
  Task<std::vector<queue::Question>> questions(queue::Uuid worker, queue::Milliseconds at_most) override {
    return real_->questions(worker, at_most);
  }
  Task<void> answer(queue::Uuid worker, queue::Uuid question, queue::WorkerAnswer answer) override {
    return real_->answer(worker, question, std::move(answer));
  }

 protected:
  [[nodiscard]] queue::Broker& real() const noexcept { return *real_; }

 private:
  std::shared_ptr<queue::Broker> real_;
};

}  // namespace coterie::tests
