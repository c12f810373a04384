// Adding jobs: chunks of a script each, of which every one is complete by itself.
#include <algorithm>
#include <charconv>
#include <utility>

#include "src/brokers/redis/dependencies.hpp"
#include "src/brokers/redis/server_error.hpp"
#include "src/brokers/redis/shard.hpp"
#include "src/queue/headers.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::redis {
namespace {

/// So many ids may be waited for in the enqueue itself; the others follow.
constexpr std::size_t dependencies_at_once = 64;
/// An id that a job waits for is looked up and noted: a quarter of the work that writing a job is.
constexpr std::size_t ids_per_unit = 4;
constexpr std::size_t ids_per_script = ids_per_unit * units;
/// Scripts that are on their way at once, so that other calls are not kept waiting for long.
constexpr std::size_t window = 8;

struct Chunk {
  std::size_t from = 0;
  std::size_t end = 0;
  Chunk() = default;
};

std::size_t work_of_one(const queue::JobSpec& job) {
  return 1 + std::min(job.after.size(), dependencies_at_once) / ids_per_unit;
}

std::vector<Chunk> chunks_of(const std::vector<queue::JobSpec>& jobs) {
  std::vector<Chunk> chunks;
  std::size_t work = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::size_t cost = work_of_one(jobs[i]);
    if (chunks.empty() || work + cost > units || bytes + queue::body_bytes(jobs[i]) > bytes_per_script) {
      chunks.emplace_back();
      chunks.back().from = i;
      work = bytes = 0;
    }
    chunks.back().end = i + 1;
    work += cost;
    bytes += queue::body_bytes(jobs[i]);
  }
  return chunks;
}

std::string in_a_row(const std::vector<queue::JobId>& ids, std::size_t from, std::size_t end) {
  std::string row;
  row.reserve((end - from) * 16);
  for (std::size_t i = from; i < end; ++i) row.append(bytes_of(ids[i]));
  return row;
}

/// "COTERIE DEPENDENCY 3 7".
bool read_dependency_error(const std::string& text, std::size_t& job, std::size_t& which) {
  constexpr std::string_view mark = "COTERIE DEPENDENCY ";
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) return false;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data() + at + mark.size(), end, job);
  if (first.ec != std::errc{} || first.ptr == end) return false;
  return std::from_chars(first.ptr + 1, end, which).ec == std::errc{};
}

}  // namespace

Task<std::vector<queue::Enqueued>> Shard::enqueue(std::vector<queue::JobSpec> jobs) {
  const std::vector<Chunk> chunks = chunks_of(jobs);
  const bool one_script = chunks.size() == 1 && std::all_of(jobs.begin(), jobs.end(), [](const auto& job) {
                            return job.after.size() <= dependencies_at_once;
                          });
  if (one_script) {
    Task<std::vector<queue::Enqueued>> gathered = gather(std::move(jobs));
    co_return co_await std::move(gathered);
  }
  co_await check_dependencies(jobs);
  std::vector<queue::Enqueued> verdicts;
  verdicts.reserve(jobs.size());
  for (std::size_t next = 0; next < chunks.size();) {
    std::vector<Command> commands;
    std::vector<std::size_t> starts;
    for (; next < chunks.size() && commands.size() < window; ++next) {
      starts.push_back(chunks[next].from);
      std::vector<const queue::JobSpec*> part;
      for (std::size_t i = chunks[next].from; i < chunks[next].end; ++i) part.push_back(&jobs[i]);
      commands.push_back(enqueue_command(part));
    }
    const std::vector<Reply> replies = co_await add(std::move(commands), jobs, starts);
    for (const Reply& reply : replies)
      for (const Reply& created : reply.array())
        verdicts.push_back(created.integer() == 1 ? queue::Enqueued::created : queue::Enqueued::exists);
  }
  for (std::size_t i = 0; i < jobs.size(); ++i)
    if (jobs[i].after.size() > dependencies_at_once && verdicts.at(i) == queue::Enqueued::created)
      co_await add_dependencies(jobs[i]);
  co_return verdicts;
}

/// Before the first chunk is written: what any of the jobs waits for is known, or stands before it.
Task<void> Shard::check_dependencies(const std::vector<queue::JobSpec>& jobs) {
  const std::vector<queue::JobId> ids = ids_to_know(jobs);
  if (ids.empty()) co_return;
  const std::vector<Known> are_known = co_await known(ids);
  require_dependencies(jobs, ids, are_known);
}

Task<std::vector<Known>> Shard::known(std::vector<queue::JobId> ids) {
  std::vector<Known> are_known;
  for (std::size_t from = 0; from < ids.size(); from += ids_per_script * window) {
    std::vector<Command> commands;
    const std::size_t end = std::min(ids.size(), from + ids_per_script * window);
    for (std::size_t i = from; i < end; i += ids_per_script) {
      Command& command = commands.emplace_back(begin(Script::known, ids_per_script * 24));
      for (std::size_t k = i; k < std::min(end, i + ids_per_script); ++k) command.arg(bytes_of(ids[k]));
    }
    const std::vector<Reply> replies = co_await run(std::move(commands));
    for (const Reply& reply : replies)
      for (const Reply& one : reply.array()) are_known.push_back(static_cast<Known>(one.integer()));
  }
  co_return are_known;
}

/// The job stays blocked until the last of these has been said. Who is lost in between says all of it again.
Task<void> Shard::add_dependencies(const queue::JobSpec& job) {
  for (std::size_t from = 0; from < job.after.size();) {
    std::vector<Command> commands;
    for (std::size_t n = 0; n < window && from < job.after.size(); ++n) {
      const std::size_t end = std::min(job.after.size(), from + ids_per_script);
      Command& command = commands.emplace_back(begin(Script::depend, ids_per_script * 16));
      command.arg(bytes_of(job.id))
          .arg(in_a_row(job.after, from, end))
          .arg(end == job.after.size() ? "1" : "0");
      from = end;
    }
    const std::vector<Reply> replies = co_await send_enqueue(std::move(commands));
    for (const Reply& reply : replies) throw_if_error(reply, settings());
  }
}

/// `more`: what it waits for is said afterwards, by other scripts.
void Shard::add_job(Command& command, const queue::JobSpec& job, bool more) {
  command.arg(bytes_of(job.id)).arg(job.queue).arg(job.name);
  command.arg(write_spec(job, more, job.payload.size() > short_bytes)).arg(write_extras(job));
  command.arg(write_body(job)).arg(more ? std::string() : in_a_row(job.after, 0, job.after.size()));
}

std::size_t Shard::work_of(const std::vector<queue::JobSpec>& jobs) {
  std::size_t work = 0;
  for (const queue::JobSpec& job : jobs) work += work_of_one(job);
  return work;
}

Command Shard::enqueue_command(const std::vector<const queue::JobSpec*>& jobs) const {
  std::size_t room = 0;
  for (const queue::JobSpec* job : jobs) room += queue::body_bytes(*job) + 256;
  Command command = begin(Script::enqueue, room);
  for (const queue::JobSpec* job : jobs) add_job(command, *job, job->after.size() > dependencies_at_once);
  return command;
}

Task<std::vector<Reply>> Shard::send_enqueue(std::vector<Command> commands) {
  return send_durably(std::move(commands), settings().durable_enqueues);
}

/// enqueue.lua's own refusal is a caller's mistake; `job` and `which`: see there.
bool Shard::is_unknown_dependency(const Reply& reply, std::size_t& job, std::size_t& which) {
  return reply.kind() == Reply::Kind::error && read_dependency_error(reply.error(), job, which);
}

std::exception_ptr Shard::unknown_dependency(const std::vector<queue::JobSpec>& jobs, std::size_t job,
                                             std::size_t which) {
  try {
    queue::refuse_unknown_dependency(job, jobs.at(job), jobs.at(job).after.at(which));
  } catch (...) {
    return std::current_exception();
  }
}

/// Sends enqueue.lua's, of which the first begins with the job `starts[0]` of `jobs`.
Task<std::vector<Reply>> Shard::add(std::vector<Command> commands, const std::vector<queue::JobSpec>& jobs,
                                    const std::vector<std::size_t>& starts) {
  std::vector<Reply> replies = co_await send_enqueue(std::move(commands));
  for (std::size_t i = 0; i < replies.size(); ++i) {
    std::size_t job = 0;
    std::size_t which = 0;
    if (is_unknown_dependency(replies[i], job, which))
      std::rethrow_exception(unknown_dependency(jobs, starts.at(i) + job, which));
    throw_if_error(replies[i], settings());
  }
  co_return replies;
}

}  // namespace coterie::brokers::redis
