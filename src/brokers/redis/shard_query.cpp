// Looking: jobs by id and page by page, queues; and forgetting page by page.
#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <utility>

#include "src/brokers/redis/shard.hpp"
#include "src/queue/dropped_result.hpp"

namespace coterie::brokers::redis {
namespace {

double number_of(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void read_extras(const std::vector<Reply>& fields, queue::JobInfo& info) {
  const auto error = [&info]() -> queue::JobError& {
    if (!info.error) info.error.emplace();
    return *info.error;
  };
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string& name = fields[i].string();
    const std::string& value = fields[i + 1].string();
    if (name == "e") error().type = value;
    if (name == "m") error().message = value;
    if (name == "p") info.progress = number_of(value);
    if (name == "n") info.progress_note = value;
    if (name == "h") info.headers = read_headers(value);
  }
}

}  // namespace

std::uint32_t far_awaited(const Reply& described) {
  const std::vector<Reply>& fields = described.at(6).array();
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2)
    if (fields[i].string() == "w") return static_cast<std::uint32_t>(number_of(fields[i + 1].string()));
  return 0;
}

namespace {

/// What describe.lua gives for a job.
queue::JobInfo read_info(const Reply& reply, bool bodies) {
  const Record record = read_record(reply.at(1).string());
  queue::JobInfo info;
  info.id = uuid_of(reply.at(0).string());
  info.queue = reply.at(2).string();
  info.name = reply.at(3).string();
  info.state = record.state;
  info.priority = record.priority;
  info.attempt = record.attempt;
  info.max_attempts = record.max_attempts;
  info.crashes = record.crashes;
  info.created_at = record.created_at;
  info.run_at = record.run_at;
  info.started_at = record.attempt == 0 && record.crashes == 0 ? 0 : record.started_at;
  info.finished_at = record.finished_at;
  info.worker = reply.at(4).string();
  if (record.state == queue::JobState::leased) info.lease_until = reply.at(5).integer();
  info.waits_for = jobs_awaited(record, far_awaited(reply));
  info.cancel_requested = record.has(Record::cancel_requested);
  read_extras(reply.at(6).array(), info);
  if (record.has(Record::result_dropped)) info.error = queue::result_dropped_error();
  if (bodies) {
    info.payload = record.payload;
    info.result = record.result;
    info.attempts = read_attempts(reply.at(6).array());
  }
  return info;
}

queue::QueueInfo read_queue(const Reply& reply) {
  queue::QueueInfo info;
  info.name = reply.at(0).string();
  info.oldest_ready_at = reply.at(1).integer();
  const std::vector<Reply>& states = reply.at(2).array();
  for (std::size_t i = 0; i + 1 < states.size(); i += 2)
    info.counts[static_cast<queue::JobState>(states[i].integer())] =
        static_cast<std::uint64_t>(states[i + 1].integer());
  return info;
}

}  // namespace

/// What get.lua gives for each. A reply that is full has less than it was asked for; then the rest is asked
/// for again.
Task<std::vector<Reply>> Shard::describe(std::vector<queue::JobId> ids, bool attempts) {
  std::vector<Reply> found(ids.size());
  std::vector<std::size_t> places(ids.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  while (!places.empty()) {
    std::vector<Command> commands = for_ids(Script::get, ids, places);
    for (Command& command : commands) command.arg(attempts ? "1" : "");
    std::vector<Reply> replies = co_await run(std::move(commands));
    std::vector<std::size_t> rest;
    for (std::size_t i = 0; i < places.size(); i += units) {
      std::vector<Reply> described = replies.at(i / units).take_array();
      const std::size_t end = std::min(units, places.size() - i);
      for (std::size_t j = 0; j < end; ++j) {
        if (j < described.size())
          found[places[i + j]] = std::move(described[j]);
        else
          rest.push_back(places[i + j]);
      }
    }
    if (rest.size() == places.size()) throw UnexpectedReply("Redis gave none of the jobs it was asked for");
    places = std::move(rest);
  }
  co_return found;
}

/// The long ones are not in the job's own string.
Task<void> Shard::fetch_bodies(const Reply& reply, queue::JobInfo& info) {
  const Record record = read_record(reply.at(1).string());
  const std::string id(bytes_of(info.id));
  if (record.has(Record::long_payload)) {
    Command command("GET");
    command.arg(prefix_ + "b" + id);
    Reply payload = co_await run(std::move(command));
    if (!payload.is_nil()) info.payload = payload.take_string();
  }
  if (record.has(Record::long_result)) {
    Command command("GET");
    command.arg(prefix_ + "s" + id);
    Reply result = co_await run(std::move(command));
    if (!result.is_nil()) info.result = result.take_string();
  }
}

Task<std::vector<std::optional<queue::JobInfo>>> Shard::get(std::vector<queue::JobId> ids, bool bodies) {
  std::vector<std::optional<queue::JobInfo>> found;
  found.reserve(ids.size());
  for (std::size_t from = 0; from < ids.size(); from += units * 8) {
    const auto begin_of = ids.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end_of = ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), from + units * 8));
    std::vector<queue::JobId> part(begin_of, end_of);
    const std::vector<Reply> described = co_await describe(std::move(part), bodies);
    for (const Reply& one : described) {
      found.emplace_back();
      if (one.is_nil()) continue;
      found.back() = read_info(one, bodies);
      if (bodies) co_await fetch_bodies(one, *found.back());
    }
  }
  co_return found;
}

Command Shard::walk(Script script, const queue::JobFilter& filter, std::size_t most) const {
  Command command = begin(script);
  command.arg(filter.after);
  if (filter.state)
    command.arg(static_cast<int>(*filter.state));
  else
    command.arg("");
  command.arg(filter.queue).arg(filter.name);
  command.arg(script == Script::list && filter.newest_first ? "1" : "").arg(most);
  return command;
}

Task<Shard::Walked> Shard::list(queue::JobFilter filter) {
  Walked walked;
  queue::JobPage& page = walked.page;
  do {
    Command command =
        walk(Script::list, filter, std::min<std::size_t>(filter.limit - page.jobs.size(), units));
    command.arg(filter.bodies ? "1" : "");
    const Reply reply = co_await run(std::move(command));
    page.next = filter.after = static_cast<std::uint64_t>(reply.at(0).integer());
    for (const Reply& one : reply.at(1).array()) {
      queue::JobInfo info = read_info(one, filter.bodies);
      if (filter.bodies) co_await fetch_bodies(one, info);
      page.jobs.push_back(std::move(info));
      walked.numbers.push_back(read_record(one.at(1).string()).order);
    }
    page.looked += static_cast<std::uint64_t>(reply.at(2).integer());
  } while (page.next != 0 && page.jobs.size() < filter.limit &&
           (filter.looks == 0 || page.looked < filter.looks));
  co_return walked;
}

Task<queue::JobLinks> Shard::links(queue::JobId id, std::uint32_t most) {
  constexpr std::uint64_t most_looks = 20'000;
  queue::JobLinks links;
  std::vector<queue::JobId> ids{id};
  const std::vector<Reply> found = co_await describe(std::move(ids), false);
  const Reply& described = found.at(0);
  if (described.is_nil()) co_return links;
  const Record record = read_record(described.at(1).string());
  if (queue::is_final(record.state) || record.has(Record::preparing)) co_return links;
  links.waits_for_count = jobs_awaited(record, far_awaited(described));
  const auto wanted = std::min<std::uint64_t>(most, links.waits_for_count);
  const auto read_ids = [most](const Reply& reply, std::vector<queue::JobId>& into) {
    for (const Reply& one : reply.array())
      if (into.size() < most) into.push_back(uuid_of(std::string_view(one.string()).substr(0, id_bytes)));
  };
  std::uint64_t after = record.order;
  std::uint64_t looked = 0;
  bool first = true;
  do {
    Command command = begin(Script::links);
    command.arg(after).arg("").arg("").arg("").arg("1").arg(bytes_of(id)).arg(most);
    const Reply reply = co_await run(std::move(command));
    after = static_cast<std::uint64_t>(reply.at(0).integer());
    looked += static_cast<std::uint64_t>(reply.at(2).integer());
    if (std::exchange(first, false)) {
      read_ids(reply.at(3), links.waits_for);
      links.dependents_count = static_cast<std::uint64_t>(reply.at(4).integer());
      read_ids(reply.at(5), links.dependents);
    }
    read_ids(reply.at(1), links.waits_for);
    links.bounded = links.waits_for.size() < wanted && looked >= most_looks;
  } while (after != 0 && links.waits_for.size() < wanted && !links.bounded);
  co_return links;
}

Task<std::vector<queue::JobInfo>> Shard::recently_ended(std::uint32_t limit) {
  Command command = begin(Script::ended);
  command.arg(limit);
  const Reply reply = co_await run(std::move(command));
  std::vector<queue::JobInfo> infos;
  for (const Reply& one : reply.array()) infos.push_back(read_info(one, false));
  co_return infos;
}

Task<std::uint64_t> Shard::purge(queue::JobFilter filter) {
  std::uint64_t purged = 0;
  do {
    Command command = walk(Script::purge, filter, std::min<std::size_t>(filter.limit, units));
    const Reply reply = co_await run(std::move(command));
    filter.after = static_cast<std::uint64_t>(reply.at(0).integer());
    const auto step = static_cast<std::uint32_t>(reply.at(1).integer());
    purged += step;
    filter.limit -= step;
  } while (filter.after != 0 && filter.limit > 0);
  co_return purged;
}

Task<std::vector<queue::QueueInfo>> Shard::queues() {
  std::map<std::string, queue::QueueInfo> found;
  std::string cursor = "0";
  do {
    Command command = begin(Script::queues);
    command.arg(cursor);
    const Reply reply = co_await run(std::move(command));
    cursor = reply.at(0).string();
    for (const Reply& one : reply.at(1).array()) {
      queue::QueueInfo& info = found[one.at(0).string()];
      info = read_queue(one);
    }
  } while (cursor != "0");
  std::vector<queue::QueueInfo> infos;
  infos.reserve(found.size());
  for (auto& [name, info] : found) infos.push_back(std::move(info));
  co_return infos;
}

}  // namespace coterie::brokers::redis
