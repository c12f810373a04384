// Who works here, and what is asked of them: what shard 0 keeps beside its jobs.
#include <algorithm>
#include <charconv>
#include <utility>

#include "src/brokers/redis/server_error.hpp"
#include "src/brokers/redis/shard.hpp"
#include "src/queue/fleet.hpp"

namespace coterie::brokers::redis {
namespace {

/// For how long an answer is kept for who waits for it, at most.
constexpr queue::Milliseconds answer_kept_for{std::chrono::seconds(10)};
/// Of each worker in the reply of members.lua.
constexpr std::size_t fields = 3;

/// "started channel report"
Shard::Listed read_listed(const queue::Uuid& worker, std::string_view written) {
  Shard::Listed listed;
  const std::size_t channel = written.find(' ') + 1;
  const std::size_t report = written.find(' ', channel) + 1;
  if (channel == 0 || report == 0)
    throw UnexpectedReply("Redis holds a worker's report that is damaged, or of another version");
  std::from_chars(written.data(), written.data() + channel, listed.info.started_at);
  listed.channel = written.substr(channel, report - 1 - channel);
  listed.info.report = queue::read_report(written.substr(report), worker);
  return listed;
}

}  // namespace

Task<void> Shard::announce(queue::WorkerReport report, std::string channel) {
  const queue::Milliseconds known_for = 2 * queue::gone_known_for;
  const std::string text = queue::write_report(report);
  Command command = begin(Script::announce, text.size());
  command.arg(bytes_of(report.worker.incarnation)).arg(channel).arg(text).arg(known_for.count());
  (void)co_await run(std::move(command));
}

Task<Shard::Members> Shard::ask_members(Command command) {
  Members members;
  const Reply reply = co_await run(std::move(command));
  members.now = reply.at(0).integer();
  const std::vector<Reply>& rows = reply.at(1).array();
  for (std::size_t i = 0; i + fields <= rows.size(); i += fields) {
    const queue::Uuid worker = uuid_of(rows[i].string());
    Listed& listed = members.workers.emplace_back(read_listed(worker, rows[i + 2].string()));
    listed.info.heard_at = rows[i + 1].integer();
  }
  co_return members;
}

Task<Shard::Members> Shard::members(std::size_t most) {
  Command command = begin(Script::members);
  command.arg(most);
  return ask_members(std::move(command));
}

Task<std::optional<Shard::Listed>> Shard::find_member(queue::Uuid worker, queue::UnixMillis& now) {
  Command command = begin(Script::members);
  command.arg("1").arg(bytes_of(worker));
  Task<Members> asking = ask_members(std::move(command));
  Members found = co_await std::move(asking);
  now = found.now;
  std::optional<Listed> listed;
  if (!found.workers.empty()) listed = std::move(found.workers.front());
  co_return listed;
}

Task<std::size_t> Shard::ask(queue::Uuid worker, std::string channel, queue::Question question,
                             std::string answers_to) {
  Command command = begin(Script::ask, question.text.size());
  command.arg(bytes_of(worker)).arg(channel).arg(bytes_of(question.id)).arg(answers_to);
  command.arg(question.text).arg(queue::longest_wait.count()).arg(queue::most_questions);
  const Reply reply = co_await run(std::move(command));
  co_return static_cast<std::size_t>(reply.integer());
}

Task<std::vector<queue::Question>> Shard::questions(queue::Uuid worker) {
  const Reply reply = co_await run(Command("HGETALL").arg(questions_key(worker)));
  std::vector<queue::Question> questions;
  const std::vector<Reply>& rows = reply.array();
  for (std::size_t i = 0; i + 1 < rows.size(); i += 2) {
    const std::string& written = rows[i + 1].string();
    questions.emplace_back(uuid_of(rows[i].string()), written.substr(written.find(' ') + 1));
  }
  co_return questions;
}

Task<void> Shard::answer(queue::Uuid worker, queue::Uuid question, queue::WorkerAnswer answer) {
  Command command = begin(Script::answer, answer.text.size());
  command.arg(bytes_of(worker)).arg(bytes_of(question)).arg(static_cast<int>(answer.outcome));
  command.arg(answer.text).arg(answer_kept_for.count());
  (void)co_await run(std::move(command));
}

Task<std::optional<queue::WorkerAnswer>> Shard::answer_to(queue::Uuid question) {
  const Reply reply = co_await run(Command("GET").arg(answer_key(question)));
  std::optional<queue::WorkerAnswer> answer;
  if (!reply.is_nil() && !reply.string().empty())
    answer.emplace(static_cast<queue::Asked>(reply.string()[0] - '0'), reply.string().substr(1));
  co_return answer;
}

Task<void> Shard::withdraw_question(queue::Uuid worker, queue::Uuid question) {
  std::vector<Command> commands;
  commands.push_back(Command("HDEL").arg(questions_key(worker)).arg(bytes_of(question)));
  commands.push_back(Command("DEL").arg(answer_key(question)));
  (void)co_await run(std::move(commands));
}

}  // namespace coterie::brokers::redis
