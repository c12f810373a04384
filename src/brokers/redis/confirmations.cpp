#include "src/brokers/redis/confirmations.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "src/brokers/redis/scripts.hpp"

namespace coterie::brokers::redis {

Confirmations::Confirmations(const std::shared_ptr<Locator>& locator, const Durability& durability)
    : durability_(durability), connection_(locator) {}

Task<std::string> Confirmations::confirm(Durable durable, Command touch) {
  const auto alike = [&](const std::shared_ptr<Question>& one) { return one->durable == durable; };
  const auto there = std::ranges::find_if(next_, alike);
  const std::shared_ptr<Question> mine =
      there != next_.end() ? *there
                           : next_.emplace_back(std::make_shared<Question>(durable, std::move(touch)));
  if (!std::exchange(asking_, true)) tasks_.spawn(&Confirmations::ask_all, this);
  co_await mine->answered.wait();
  if (!mine->lost.empty()) durability_.throw_unknown(durable, mine->lost);
  const Reply& touched = mine->replies.front();
  if (touched.is_error()) durability_.throw_unknown(durable, "Redis: " + touched.error());
  // Two where the server has begun to sync always: then the touch's reply came after it had.
  if (mine->replies.size() == 3) durability_.check(durable, mine->replies[1]);
  const Reply& info = mine->replies.back();
  if (info.is_error()) durability_.throw_unknown(durable, "Redis: " + info.error());
  co_return read_info(info.string()).replication_id;
}

Task<void> Confirmations::ask_all() {
  while (!next_.empty()) {
    const std::shared_ptr<Question> question = std::move(next_.front());
    next_.pop_front();
    Task<void> asking = ask(*question);
    const Outcome<void> end = co_await outcome(std::move(asking));
    try {
      end.get();
    } catch (const queue::QueueError& error) {
      question->lost = error.what();
    } catch (...) {
      question->lost = "its loop ends";
      question->answered.set();
      throw;
    }
    question->answered.set();
  }
  asking_ = false;
}

Task<void> Confirmations::ask(Question& question) {
  std::vector<Command> commands;
  commands.push_back(question.touch);
  if (std::optional<Command> wait = durability_.question(question.durable))
    commands.push_back(std::move(*wait));
  commands.push_back(Command("INFO").arg("replication"));
  question.replies = co_await send_scripts(connection_, commands);
}

Task<void> Confirmations::close() {
  co_await connection_.close();
  co_await tasks_.join();
}

}  // namespace coterie::brokers::redis
