#include "src/cli/top/collect.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "coterie/loop.hpp"
#include "coterie/threads/to_thread.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/eyes_client.hpp"
#include "src/cli/job_view.hpp"

namespace coterie::cli::top {
namespace {

using queue::CancelResult;
using queue::JobState;

std::string told(CancelResult result) {
  std::string text(explain(result));
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text;
}

queue::JobFilter first_of(const queue::Broker& broker, JobState state) {
  queue::JobFilter filter;
  filter.state = state;
  filter.limit = at_most(broker, Sample::most_jobs);
  return filter;
}

/// One that does not answer within this is left out.
constexpr std::chrono::milliseconds patience_with_a_process{1000};

/// Blocks: not for a loop's thread.
std::vector<ProcessTasks> look_at_processes() {
  std::vector<ProcessTasks> found;
  for (const Seen& its : processes_with_eyes()) {
    if (its.pid == ::getpid()) continue;
    try {
      found.emplace_back(its.pid, cli::ask(its.socket, debug::Request(), patience_with_a_process));
    } catch (const std::exception&) {  // it has ended, or is stopped
      continue;
    }
  }
  return found;
}

}  // namespace

Task<Sample> Collector::ask(std::optional<queue::JobId> open) {
  Sample sample;
  sample.broker = without_passwords(broker_->url());
  std::vector<queue::QueueInfo> queues = co_await broker_->queues();
  const std::vector<std::string> paused = co_await broker_->paused();
  const queue::JobFilter leased = first_of(*broker_, JobState::leased);
  queue::JobPage running = co_await broker_->list(leased);
  queue::JobFilter dead = first_of(*broker_, JobState::dead);
  dead.newest_first = true;
  queue::JobPage failed = co_await broker_->list(dead);
  queue::Fleet fleet = co_await broker_->workers();
  if (open) {
    std::vector<queue::JobId> ids{*open};
    std::vector<std::optional<queue::JobInfo>> found = co_await broker_->get(ids, true);
    sample.opened = std::move(found.at(0));
  }
  sample.fleet = std::move(fleet);
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

Task<Sample> Collector::look(Sample before, std::optional<queue::JobId> open, bool tasks) {
  std::string trouble;
  std::vector<ProcessTasks> processes;
  if (tasks) processes = co_await to_thread(look_at_processes);
  try {
    Sample sample = co_await ask(open);
    sample.processes = std::move(processes);
    co_return sample;
  } catch (const queue::BrokerUnavailable& error) {
    if (before.broker.empty()) throw;
    trouble = error.what();
  }
  before.trouble = "No answer, this is old: " + trouble;
  before.processes = std::move(processes);
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
