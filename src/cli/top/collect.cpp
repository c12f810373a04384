#include "src/cli/top/collect.hpp"

#include <algorithm>

#include "coterie/loop.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/job_view.hpp"

namespace coterie::cli::top {
namespace {

using queue::CancelResult;
using queue::JobState;

std::string told(CancelResult result) {
  switch (result) {
    case CancelResult::cancelled:
      return "Cancelled";
    case CancelResult::requested:
      return "It runs: its worker was told to cancel it";
    case CancelResult::final:
      return "Too late: it has ended already";
    case CancelResult::unknown:
      break;
  }
  return "No such job any more";
}

queue::JobFilter first_of(const queue::Broker& broker, JobState state) {
  queue::JobFilter filter;
  filter.state = state;
  filter.limit = at_most(broker, Sample::most_jobs);
  return filter;
}

}  // namespace

Task<Sample> Collector::ask(std::optional<queue::JobId> open) {
  Sample sample;
  sample.broker = without_passwords(broker_->url());
  std::vector<queue::QueueInfo> queues = co_await broker_->queues();
  const std::vector<std::string> paused = co_await broker_->paused();
  const queue::JobFilter leased = first_of(*broker_, JobState::leased);
  queue::JobPage running = co_await broker_->list(leased);
  const queue::JobFilter dead = first_of(*broker_, JobState::dead);
  queue::JobPage failed = co_await broker_->list(dead);
  if (open) {
    std::vector<queue::JobId> ids{*open};
    std::vector<std::optional<queue::JobInfo>> found = co_await broker_->get(ids, true);
    sample.opened = std::move(found.at(0));
  }
  sample.running = std::move(running.jobs);
  sample.failed = std::move(failed.jobs);
  sample.now = wall_clock();
  rates_.note(std::chrono::steady_clock::now(), queues);
  for (queue::QueueInfo& info : queues) {
    QueueRow row;
    row.paused = std::find(paused.begin(), paused.end(), info.name) != paused.end();
    row.ended_per_second = rates_.of(info.name);
    row.info = std::move(info);
    sample.queues.push_back(std::move(row));
  }
  co_return sample;
}

Task<Sample> Collector::look(Sample before, std::optional<queue::JobId> open) {
  std::string trouble;
  try {
    Sample sample = co_await ask(open);
    co_return sample;
  } catch (const queue::BrokerUnavailable& error) {
    if (before.broker.empty()) throw;
    trouble = error.what();
  }
  before.trouble = "No answer, this is old: " + trouble;
  co_return before;
}

Task<std::string> Collector::perform(Request request) {
  std::string said;
  try {
    std::vector<queue::JobId> ids{request.job};
    switch (request.kind) {
      case Request::Kind::cancel: {
        const std::vector<CancelResult> results = co_await broker_->cancel(ids);
        said = told(results.at(0));
        break;
      }
      case Request::Kind::retry: {
        const std::vector<bool> results = co_await broker_->retry(ids);
        said = results.at(0) ? "It runs again" : "It cannot be run again now";
        break;
      }
      case Request::Kind::pause:
        co_await broker_->pause(request.queue);
        said = "Paused: what runs goes on, nothing new is given out";
        break;
      case Request::Kind::resume:
        co_await broker_->resume(request.queue);
        said = "Resumed";
        break;
      default:
        break;
    }
  } catch (const queue::BrokerUnavailable& error) {
    said = "Not known whether it was done: " + std::string(error.what());
  } catch (const queue::BadRequest& error) {
    said = error.what();
  }
  co_return said;
}

}  // namespace coterie::cli::top
