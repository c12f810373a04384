// What shards have to do with each other: how many there are, which workers live, jobs that wait for jobs in
// other shards.
#include <algorithm>
#include <charconv>
#include <utility>

#include "src/brokers/redis/server_error.hpp"
#include "src/brokers/redis/shard.hpp"

namespace coterie::brokers::redis {
namespace {

constexpr std::size_t ids_per_script = 4 * units;  // as in shard_enqueue.cpp
/// Jobs that are written together with what they wait for, in one round trip.
constexpr std::size_t jobs_at_once = 64;
/// Where a letter says which shard it goes to, and how long it is: see far.lua.
constexpr std::size_t address_at = 17;
constexpr std::size_t letter_bytes = 35;

std::string two_bytes(std::uint32_t number) {
  return {static_cast<char>(number & 0xff), static_cast<char>(number >> 8)};
}

std::uint32_t number_of(const std::string& text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::uint32_t address_of(const std::string& letter) {
  if (letter.size() != letter_bytes)
    throw UnexpectedReply("Redis holds a letter between shards that is damaged, or of another version");
  return static_cast<std::uint8_t>(letter[address_at]) |
         static_cast<std::uint32_t>(static_cast<std::uint8_t>(letter[address_at + 1])) << 8;
}

}  // namespace

Task<std::optional<std::uint32_t>> Shard::written_layout() {
  const Reply reply = co_await run(Command("HMGET").arg(key_).arg("S").arg("o"));
  const Reply& written = reply.at(0);
  const Reply& jobs = reply.at(1);
  std::optional<std::uint32_t> shards;
  if (!written.is_nil())
    shards = number_of(written.string());
  else if (!jobs.is_nil() && jobs.string() != "0")
    shards = 1;  // as layout.lua
  co_return shards;
}

Task<std::uint32_t> Shard::layout(std::uint32_t shards) {
  Command command = begin(Script::layout);
  command.arg(shards);
  const Reply reply = co_await run(std::move(command));
  co_return static_cast<std::uint32_t>(reply.integer());
}

Task<Member> Shard::member(queue::Uuid worker, queue::Milliseconds counts_for) {
  Command command = begin(Script::member);
  command.arg(bytes_of(worker)).arg(counts_for.count());
  const Reply reply = co_await run(std::move(command));
  Member member;
  member.rank = static_cast<std::uint64_t>(reply.at(0).integer());
  member.workers = static_cast<std::uint64_t>(reply.at(1).integer());
  co_return member;
}

/// Each is written as one that is being prepared, and by the scripts behind it, in the same write, it is told
/// what it waits for. Who is lost in between says all of it again.
Task<std::vector<queue::Enqueued>> Shard::enqueue_far(std::vector<queue::JobSpec> jobs,
                                                      std::vector<std::vector<FarJob>> far) {
  std::vector<queue::Enqueued> verdicts;
  for (std::size_t from = 0; from < jobs.size();) {
    std::vector<Command> commands;
    std::vector<std::size_t> enqueues;
    std::size_t bytes = 0;
    for (; from < jobs.size() && enqueues.size() < jobs_at_once && bytes <= bytes_per_script; ++from) {
      const queue::JobSpec& job = jobs[from];
      bytes += job.payload.size() + 16 * (job.after.size() + far[from].size());
      enqueues.push_back(commands.size());
      add_job(commands.emplace_back(begin(Script::enqueue, job.payload.size() + 256)), job, true);
      for (std::size_t at = 0; at < job.after.size(); at += ids_per_script) {
        std::string row;
        for (std::size_t i = at; i < std::min(job.after.size(), at + ids_per_script); ++i)
          row.append(bytes_of(job.after[i]));
        commands.emplace_back(begin(Script::depend)).arg(bytes_of(job.id)).arg(row).arg("0");
      }
      for (std::size_t at = 0; at < far[from].size(); at += ids_per_script) {
        const std::size_t end = std::min(far[from].size(), at + ids_per_script);
        std::string row;
        for (std::size_t i = at; i < end; ++i)
          row.append(two_bytes(far[from][i].shard)).append(bytes_of(far[from][i].id));
        commands.emplace_back(begin(Script::depend_far))
            .arg(bytes_of(job.id))
            .arg(row)
            .arg(end == far[from].size() ? "1" : "0");
      }
    }
    const std::vector<Reply> replies = co_await send_enqueue(std::move(commands));
    for (const Reply& reply : replies) throw_if_error(reply, settings());
    for (const std::size_t at : enqueues)
      verdicts.push_back(replies[at].at(0).integer() == 1 ? queue::Enqueued::created
                                                          : queue::Enqueued::exists);
  }
  co_return verdicts;
}

Task<std::vector<queue::JobId>> Shard::far_dependents(queue::JobId id) {
  std::vector<queue::JobId> far;
  const std::vector<std::string> members = co_await dependents(id);
  for (const std::string& member : members)
    if (member.size() > id_bytes) far.push_back(uuid_of(std::string_view(member).substr(0, id_bytes)));
  co_return far;
}

Task<void> Shard::drop_far_dependents(queue::JobId id, std::vector<FarJob> far) {
  for (std::size_t from = 0; from < far.size(); from += ids_per_script) {
    Command command("ZREM");
    command.arg(dependents_key(id));
    for (std::size_t i = from; i < std::min(far.size(), from + ids_per_script); ++i)
      command.arg(std::string(bytes_of(far[i].id)) + two_bytes(far[i].shard));
    (void)co_await run(std::move(command));
  }
}

Task<std::vector<Letter>> Shard::outbox(queue::Milliseconds ahead) {
  Command command = begin(Script::outbox);
  command.arg(ahead.count());
  const Reply reply = co_await run(std::move(command));
  std::vector<Letter> letters;
  for (const Reply& one : reply.array()) letters.emplace_back(address_of(one.string()), one.string());
  co_return letters;
}

Task<std::string> Shard::deliver(std::uint32_t from, std::vector<Letter> letters) {
  Command command = begin(Script::deliver, letters.size() * 48);
  command.arg(two_bytes(from));
  for (const Letter& letter : letters) command.arg(letter.bytes);
  const Reply reply = co_await run(std::move(command));
  co_return reply.string();
}

Task<void> Shard::delivered(std::vector<Letter> letters, std::string answers) {
  Command command = begin(Script::delivered, letters.size() * 48);
  command.arg(answers);
  for (const Letter& letter : letters) command.arg(letter.bytes);
  (void)co_await run(std::move(command));
}

}  // namespace coterie::brokers::redis
