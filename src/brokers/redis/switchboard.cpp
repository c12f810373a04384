#include "src/brokers/redis/switchboard.hpp"

#include <algorithm>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/timeout.hpp"
#include "src/brokers/redis/record.hpp"
#include "src/queue/fleet.hpp"

namespace coterie::brokers::redis {

Switchboard::Switchboard(Shards& shards)
    : shards_(shards), channel_(shards.at(0).channel_for_questions(queue::new_uuid())) {}

Switchboard::Ear::Ear(Switchboard& switchboard, const queue::Uuid& its)
    : number(its), switchboard_(switchboard) {
  switchboard_.listen();
  switchboard_.ears_.push_back(this);
}

Switchboard::Ear::~Ear() {
  std::erase(switchboard_.ears_, this);
}

Task<void> Switchboard::Ear::heard(TimePoint until) {
  const Duration left = until - EventLoop::current().now();
  if (!rung && left > Duration::zero()) {
    auto until_rung = [](Event* event) -> Task<void> { co_await event->wait(); };
    Task<void> limited = wait_for(left, until_rung(&bell));
    Outcome<void> end = co_await outcome(std::move(limited));
    if (end.cancelled()) end.get();
  }
  rung = false;
  bell.clear();
}

void Switchboard::listen() {
  if (subscription_) return;
  const auto message = [this](std::string_view payload) { take_message(payload); };
  const auto connected = [this] {
    for (Ear* const ear : ears_) {
      ear->rung = true;
      ear->bell.set();
    }
  };
  subscription_ = shards_.at(0).listen(channel_, message, connected);
}

void Switchboard::take_message(std::string_view payload) {
  if (payload.size() != id_bytes) return;
  const queue::Uuid number = uuid_of(payload);
  for (Ear* const ear : ears_) {
    if (ear->number != number) continue;
    ear->rung = true;
    ear->bell.set();
  }
}

Task<void> Switchboard::announce(queue::WorkerReport report) {
  if (!shards_.claimed()) co_await shards_.follow_claim();
  Task<void> call = shards_.at(0).announce(std::move(report), channel_);
  co_await std::move(call);
}

Task<queue::Fleet> Switchboard::workers() {
  Task<Shard::Members> asking = shards_.at(0).members(queue::most_workers + 1);
  Shard::Members members = co_await std::move(asking);
  std::vector<queue::WorkerInfo> workers;
  workers.reserve(members.workers.size());
  for (Shard::Listed& listed : members.workers) workers.push_back(std::move(listed.info));
  const bool more = workers.size() > queue::most_workers;
  co_return queue::make_fleet(std::move(workers), members.now, more);
}

Task<queue::WorkerAnswer> Switchboard::ask(queue::Uuid worker, std::string question,
                                           queue::Milliseconds at_most) {
  const TimePoint until = EventLoop::current().now() + at_most;
  Shard& shard = shards_.at(0);
  queue::UnixMillis now = 0;
  Task<std::optional<Shard::Listed>> finding = shard.find_member(worker, now);
  const std::optional<Shard::Listed> its = co_await std::move(finding);
  if (!its) co_return queue::WorkerAnswer(queue::Asked::unknown);
  const queue::WorkerState state = queue::state_of(its->info.report, its->info.heard_at, now);
  std::optional<queue::WorkerAnswer> none = queue::not_to_be_asked(its->info.report, state, 0);
  if (none) co_return *std::move(none);

  queue::Question asked(queue::new_uuid(), std::move(question));
  const queue::Uuid id = asked.id;
  Ear ear(*this, id);
  Task<std::size_t> asking = shard.ask(worker, its->channel, std::move(asked), channel_);
  Outcome<std::size_t> sent = co_await outcome(std::move(asking));
  std::optional<queue::WorkerAnswer> answer;
  if (sent.has_value() && sent.get() > 0)
    co_return *queue::not_to_be_asked(its->info.report, state, sent.get());
  std::exception_ptr error = sent.has_value() ? nullptr : sent.error();
  while (!error && !answer && EventLoop::current().now() < until) {
    Task<void> hearing = ear.heard(until);
    Outcome<void> heard = co_await outcome(std::move(hearing));
    if (!heard.has_value()) {
      error = heard.error();
      break;
    }
    Task<std::optional<queue::WorkerAnswer>> looking = shard.answer_to(id);
    Outcome<std::optional<queue::WorkerAnswer>> look = co_await outcome(std::move(looking));
    if (look.has_value())
      answer = std::move(look.get());
    else
      error = look.error();
  }
  withdrawals_.spawn(&Switchboard::withdraw, this, worker, id);
  if (error) std::rethrow_exception(error);
  co_return std::move(answer).value_or(queue::WorkerAnswer(queue::Asked::silent));
}

/// Where the server is away it goes by itself.
Task<void> Switchboard::withdraw(queue::Uuid worker, queue::Uuid question) {
  Task<void> call = shards_.at(0).withdraw_question(worker, question);
  const Outcome<void> end = co_await outcome(std::move(call));
  try {
    end.get();
  } catch (const queue::QueueError&) {
  }
}

Task<std::vector<queue::Question>> Switchboard::questions(queue::Uuid worker, queue::Milliseconds at_most) {
  const TimePoint until = EventLoop::current().now() + std::min(at_most, queue::longest_wait * 60);
  Ear ear(*this, worker);
  for (;;) {
    Task<std::vector<queue::Question>> looking = shards_.at(0).questions(worker);
    std::vector<queue::Question> questions = co_await std::move(looking);
    if (!questions.empty()) co_return questions;
    co_await ear.heard(until);
    if (EventLoop::current().now() >= until) co_return questions;
  }
}

Task<void> Switchboard::answer(queue::Uuid worker, queue::Uuid question, queue::WorkerAnswer answer) {
  Task<void> call = shards_.at(0).answer(worker, question, std::move(answer));
  co_await std::move(call);
}

Task<void> Switchboard::close() {
  if (subscription_) co_await subscription_->close();
  co_await withdrawals_.close();
}

}  // namespace coterie::brokers::redis
