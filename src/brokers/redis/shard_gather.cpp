// Small enqueues of many tasks, gathered while others are on their way: one at a time at rest, and as many as
// a script may take where the server is the slower one.
#include <exception>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "src/brokers/redis/server_error.hpp"
#include "src/brokers/redis/shard.hpp"
#include "src/queue/headers.hpp"

namespace coterie::brokers::redis {
namespace {

/// Scripts on their way at once: the server has work while we compose the next.
constexpr std::size_t sends_at_once = 2;

/// Counts a sender for as long as it runs.
class Running {
 public:
  explicit Running(std::size_t& count) noexcept : count_(count) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { --count_; }

 private:
  std::size_t& count_;
};

/// No connection came about; one that was lost under way says nothing of the next.
bool is_away(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const LinkLost&) {
    return false;
  } catch (const queue::QueueError&) {
    return true;
  } catch (...) {
    return false;
  }
}

std::size_t bytes_of_bodies(const std::vector<queue::JobSpec>& jobs) {
  std::size_t bytes = 0;
  for (const queue::JobSpec& job : jobs) bytes += queue::body_bytes(job);
  return bytes;
}

}  // namespace

/// `jobs` fit into one script.
Task<std::vector<queue::Enqueued>> Shard::gather(std::vector<queue::JobSpec> jobs) {
  const auto mine = std::make_shared<Gathered>();
  mine->work = work_of(jobs);
  mine->bytes = bytes_of_bodies(jobs);
  mine->jobs = std::move(jobs);
  mine->number = gathered_ever_++;
  gathered_.push_back(mine);
  if (sends_running_ < sends_at_once) {
    sends_.spawn(&Shard::send_gathered, this);
    ++sends_running_;
  }
  co_return co_await mine->verdicts;  // cancelled with its task: what was not sent then is not sent
}

Task<void> Shard::send_gathered() {
  const Running running(sends_running_);
  while (!gathered_.empty()) {
    std::vector<std::shared_ptr<Gathered>> together = next_together();
    if (together.empty()) co_return;
    const std::uint64_t came_later = gathered_ever_;
    Outcome<void> end = co_await outcome(send_together(together));
    if (end.has_value()) continue;
    const std::exception_ptr error =
        end.cancelled() ? std::make_exception_ptr(queue::BrokerUnavailable(
                              settings().url() + ": the broker was closed before this was sent"))
                        : end.error();
    for (const std::shared_ptr<Gathered>& each : together)
      if (!each->verdicts.done()) each->verdicts.set_exception(error);
    // Who has waited as long for a server that is not there need not wait once more.
    if (end.cancelled() || is_away(error))
      for (; !gathered_.empty() && gathered_.front()->number < came_later; gathered_.pop_front())
        if (!gathered_.front()->verdicts.done()) gathered_.front()->verdicts.set_exception(error);
    if (end.cancelled()) end.get();
  }
}

/// Those that have waited longest, as many as one script may take.
std::vector<std::shared_ptr<Shard::Gathered>> Shard::next_together() {
  std::vector<std::shared_ptr<Gathered>> together;
  std::size_t work = 0;
  std::size_t bytes = 0;
  while (!gathered_.empty()) {
    const Gathered& next = *gathered_.front();
    if (!next.verdicts.done()) {
      if (!together.empty() && (work + next.work > units || bytes + next.bytes > bytes_per_script)) break;
      work += next.work;
      bytes += next.bytes;
      together.push_back(gathered_.front());
    }
    gathered_.pop_front();
  }
  return together;
}

/// A script is refused as a whole where one job waits for something unknown: its call is told so, and the
/// others go without it.
Task<void> Shard::send_together(std::vector<std::shared_ptr<Gathered>> together) {
  while (!together.empty()) {
    std::vector<const queue::JobSpec*> jobs;
    for (const std::shared_ptr<Gathered>& each : together)
      for (const queue::JobSpec& job : each->jobs) jobs.push_back(&job);
    std::vector<Command> commands;
    commands.push_back(enqueue_command(jobs));
    const std::vector<Reply> replies = co_await send_enqueue(std::move(commands));
    std::size_t job = 0;
    std::size_t which = 0;
    if (!is_unknown_dependency(replies.at(0), job, which)) {
      throw_if_error(replies.at(0), settings());
      tell_verdicts(replies.at(0), together);
      co_return;
    }
    auto guilty = together.begin();
    for (; job >= (*guilty)->jobs.size(); ++guilty) job -= (*guilty)->jobs.size();
    if (!(*guilty)->verdicts.done())
      (*guilty)->verdicts.set_exception(unknown_dependency((*guilty)->jobs, job, which));
    together.erase(guilty);
  }
}

void Shard::tell_verdicts(const Reply& reply, const std::vector<std::shared_ptr<Gathered>>& together) {
  std::size_t at = 0;
  for (const std::shared_ptr<Gathered>& each : together) {
    std::vector<queue::Enqueued> verdicts;
    verdicts.reserve(each->jobs.size());
    for (std::size_t i = 0; i < each->jobs.size(); ++i)
      verdicts.push_back(reply.at(at++).integer() == 1 ? queue::Enqueued::created : queue::Enqueued::exists);
    if (!each->verdicts.done()) each->verdicts.set_value(std::move(verdicts));
  }
}

}  // namespace coterie::brokers::redis
