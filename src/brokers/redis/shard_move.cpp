// Pausing queues, and taking jobs to another broker.
#include <algorithm>
#include <numeric>
#include <utility>

#include "src/brokers/redis/shard.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::redis {
namespace {

/// From what describe.lua gives for a job; payload and dependents may be missing.
queue::JobExport read_export(const Reply& reply, const Record& record) {
  queue::JobExport job;
  job.state = record.state;
  queue::JobSpec& spec = job.spec;
  spec.id = uuid_of(reply.at(0).string());
  spec.queue = reply.at(2).string();
  spec.name = reply.at(3).string();
  spec.payload.clear();
  spec.priority = record.priority;
  spec.run_at = record.run_at;
  spec.expires_at = record.attempt == 0 && record.crashes == 0 ? record.expires_at : 0;
  spec.max_attempts = queue::attempts_left(record.attempt, record.max_attempts);
  spec.timeout = record.timeout;
  spec.result_ttl = record.result_ttl;
  spec.max_crashes = record.max_crashes;
  const std::vector<Reply>& extras = reply.at(6).array();
  for (std::size_t i = 0; i + 1 < extras.size(); i += 2) {
    if (extras[i].string() == "b") spec.backoff = read_backoff(extras[i + 1].string());
    if (extras[i].string() == "h") spec.headers = read_headers(extras[i + 1].string());
  }
  job.waits_for = jobs_awaited(record, far_awaited(reply));
  return job;
}

}  // namespace

Task<void> Shard::pause(std::string queue, bool paused) {
  Command command = begin(Script::pause);
  command.arg(queue).arg(paused ? "1" : "0").arg(queue::paused_queues);
  const Reply reply = co_await run(std::move(command));
  if (reply.integer() == 0) queue::refuse_pause(queue);
}

Task<std::vector<std::string>> Shard::paused() {
  const Reply reply = co_await run(Command("HGET").arg(key_).arg("x"));
  std::vector<std::string> names;
  if (reply.is_nil()) co_return names;
  const std::string& text = reply.string();
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    names.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  co_return names;
}

/// What is not in the job's own string.
Task<void> Shard::complete_export(const Record& record, bool payloads, queue::JobExport& job) {
  const std::string id(bytes_of(job.spec.id));
  if (payloads && record.has(Record::long_payload)) {
    Reply payload = co_await run(Command("GET").arg(prefix_ + "b" + id));
    if (!payload.is_nil()) job.spec.payload = payload.take_string();
  }
  if (!record.has(Record::has_dependents)) co_return;
  const std::vector<std::string> members = co_await dependents(job.spec.id);
  for (const std::string& member : members)
    job.dependents.push_back(uuid_of(std::string_view(member).substr(0, id_bytes)));
}

/// As d<id> has them: ids, and behind the id of one in another shard that shard's number.
Task<std::vector<std::string>> Shard::dependents(queue::JobId id) {
  constexpr std::size_t page = 1000;
  std::vector<std::string> members;
  for (std::size_t from = 0;; from += page) {
    Command command("ZRANGE");
    command.arg(dependents_key(id)).arg(from).arg(from + page - 1);
    const Reply reply = co_await run(std::move(command));
    for (const Reply& each : reply.array()) members.push_back(each.string());
    if (reply.array().size() < page) co_return members;
  }
}

Task<void> Shard::release_all() {
  for (;;) {
    const Reply left = co_await run(Command("EXISTS").arg(prefix_ + "k"));
    if (left.integer() == 0) co_return;
    (void)co_await run(begin(Script::withdraw));
  }
}

Task<std::vector<std::optional<queue::JobExport>>> Shard::export_jobs(std::vector<queue::JobId> ids,
                                                                      bool payloads) {
  std::vector<std::optional<queue::JobExport>> found;
  found.reserve(ids.size());
  const std::vector<Reply> described = co_await describe(std::move(ids), payloads);
  for (const Reply& one : described) {
    found.emplace_back();
    if (one.is_nil()) continue;
    const Record record = read_record(one.at(1).string());
    if (queue::is_final(record.state) || record.has(Record::preparing)) continue;
    found.back() = read_export(one, record);
    if (payloads) {
      found.back()->spec.payload = record.payload;
      found.back()->spec.attempts = queue::portable_attempts(read_attempts(one.at(6).array()));
    }
    co_await complete_export(record, payloads, *found.back());
  }
  co_return found;
}

Task<std::vector<queue::Withdrawn>> Shard::withdraw(std::vector<queue::JobId> ids) {
  constexpr int ask_again = 5;
  std::vector<queue::Withdrawn> results(ids.size());
  std::vector<std::size_t> places(ids.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  while (!places.empty()) {
    std::vector<Command> commands = for_ids(Script::withdraw, ids, places);
    const std::vector<Reply> replies = co_await run(std::move(commands));
    std::vector<std::size_t> again;
    std::size_t at = 0;
    for (const Reply& reply : replies) {
      for (const Reply& one : reply.array()) {
        const std::size_t place = places[at++];
        if (one.integer() == ask_again)
          again.push_back(place);
        else
          results[place] = static_cast<queue::Withdrawn>(one.integer());
      }
    }
    places = std::move(again);
  }
  co_return results;
}

Task<void> Shard::readmit(std::vector<queue::JobId> ids) {
  std::vector<Command> commands = for_ids(Script::readmit, ids);
  co_await run(std::move(commands));
}

}  // namespace coterie::brokers::redis
