#include "src/brokers/memory/switchboard.hpp"

#include <algorithm>

#include "src/queue/fleet.hpp"

namespace coterie::brokers::memory {

void Switchboard::announce(queue::WorkerReport&& report, queue::UnixMillis now) {
  const std::lock_guard lock(mutex_);
  forget_the_gone(now);
  Member& member = members_[report.worker.incarnation];
  if (member.started_at == 0) member.started_at = now;
  member.heard_at = now;
  member.report = std::move(report);
}

void Switchboard::forget_the_gone(queue::UnixMillis now) {
  std::erase_if(members_, [now](const auto& each) {
    return now - each.second.heard_at >
           (queue::gone_known_for + queue::silent_for(each.second.report)).count();
  });
}

queue::Fleet Switchboard::workers(queue::UnixMillis now) {
  std::vector<queue::WorkerInfo> found;
  const std::lock_guard lock(mutex_);
  for (const auto& [incarnation, member] : members_) {
    queue::WorkerInfo& info = found.emplace_back();
    info.report = member.report;
    info.started_at = member.started_at;
    info.heard_at = member.heard_at;
  }
  return queue::make_fleet(std::move(found), now, false);
}

std::vector<queue::Question> Switchboard::questions(const Uuid& worker, const Completion<void>& told) {
  std::vector<queue::Question> found;
  const std::lock_guard lock(mutex_);
  if (const auto member = members_.find(worker); member != members_.end())
    for (const Waiting& each : member->second.waiting) found.push_back(each.question);
  if (found.empty()) told_.insert_or_assign(worker, told);
  return found;
}

void Switchboard::stop_telling(const Uuid& worker) {
  const std::lock_guard lock(mutex_);
  told_.erase(worker);
}

std::optional<queue::WorkerAnswer> Switchboard::ask(const Uuid& worker, queue::Question&& question,
                                                    const Completion<queue::WorkerAnswer>& answered,
                                                    queue::UnixMillis now) {
  const std::lock_guard lock(mutex_);
  const auto found = members_.find(worker);
  if (found == members_.end()) return queue::WorkerAnswer(queue::Asked::unknown);
  Member& member = found->second;
  if (std::optional<queue::WorkerAnswer> none = queue::not_to_be_asked(
          member.report, queue::state_of(member.report, member.heard_at, now), member.waiting.size()))
    return none;
  member.waiting.push_back(Waiting{std::move(question), answered});
  if (const auto told = told_.find(worker); told != told_.end()) told->second.set_value();
  return std::nullopt;
}

void Switchboard::withdraw(const Uuid& worker, const Uuid& question) {
  const std::lock_guard lock(mutex_);
  if (const auto member = members_.find(worker); member != members_.end())
    std::erase_if(member->second.waiting,
                  [&question](const Waiting& each) { return each.question.id == question; });
}

void Switchboard::answer(const Uuid& worker, const Uuid& question, queue::WorkerAnswer&& answer) {
  const std::lock_guard lock(mutex_);
  const auto member = members_.find(worker);
  if (member == members_.end()) return;
  std::vector<Waiting>& waiting = member->second.waiting;
  const auto its = std::ranges::find_if(
      waiting, [&question](const Waiting& each) { return each.question.id == question; });
  if (its == waiting.end()) return;
  its->answered.set_value(std::move(answer));
  waiting.erase(its);
}

}  // namespace coterie::brokers::memory
