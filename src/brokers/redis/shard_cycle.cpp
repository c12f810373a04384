// A worker's conversation: settle.lua for each 64 entries, then take.lua, as often as may be, all in one
// round trip; and more of take.lua where that gave as much as it may.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <utility>

#include "coterie/loop.hpp"
#include "coterie/sleep.hpp"
#include "src/brokers/redis/server_error.hpp"
#include "src/brokers/redis/shard.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::redis {
namespace {

constexpr queue::Milliseconds bury_every{1000};
/// For each worker of a machine, so that what all of them look at does not grow with the square of their
/// number.
constexpr queue::Milliseconds bury_every_for_each{10};
/// A machine's list of its processes, after the last look at it; worker.lua has the same.
constexpr queue::Milliseconds processes_kept_for{std::chrono::hours(7 * 24)};
/// What one cycle promotes and recovers at most, in scripts: so that a million jobs that are due at the same
/// second are spread over many calls.
constexpr std::size_t trips_per_cycle = 64;

queue::Verdict verdict_of(char letter) {
  switch (letter) {
    case 'a':
      return queue::Verdict::accepted;
    case 'A':
      return queue::Verdict::already_accepted;
    case 'f':
      return queue::Verdict::fenced;
    default:
      return queue::Verdict::unknown;
  }
}

std::string_view kind_of(queue::FailKind kind) {
  constexpr std::string_view digits = "0123";
  return digits.substr(static_cast<std::size_t>(kind), 1);
}

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

/// "COTERIE SEQ 5" is the caller's mistake.
void refuse_old_seq_of(const Reply& reply, std::uint64_t seq) {
  if (reply.kind() != Reply::Kind::error) return;
  constexpr std::string_view mark = "COTERIE SEQ ";
  const std::string& text = reply.error();
  const std::size_t at = text.find(mark);
  std::uint64_t last = 0;
  if (at == std::string::npos) return;
  std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), last);
  queue::refuse_old_seq(seq, last);
}

}  // namespace

/// Settlements, and as many takes as there may be jobs for, in as few round trips as the pace has it.
Task<queue::CycleReply> Shard::cycle(queue::CycleRequest request, Turn& turn) {
  if (turn.part == 0) co_await bury_gone(request);
  if (pace_.pause() > Duration::zero()) co_await sleep(pace_.pause());
  queue::CycleReply out;
  Taken taken;
  std::vector<Command> commands;
  if (turn.part == 0) commands = settles(request);
  std::size_t settle_scripts = commands.size();
  turn.part += settle_scripts;
  const bool settles_something = settle_scripts > 0 && (!request.done.empty() || !request.failed.empty());
  Durable durable = settles_something ? settings().durable_acks : Durable();
  for (std::size_t trip = 0; trip < trips_per_cycle; ++trip) {
    const std::size_t before = out.leases.size();
    const std::size_t wanted = add_takes(request, turn, taken, before, commands);
    const TimePoint sent = EventLoop::current().now();
    const std::vector<Reply> replies = co_await send_durably(std::move(commands), durable);
    for (const Reply& reply : replies) {
      refuse_old_seq_of(reply, request.seq);
      throw_if_error(reply, settings());
    }
    std::size_t entry = 0;
    for (std::size_t i = 0; i < settle_scripts; ++i) read_settle(replies[i], request, entry, out);
    for (std::size_t i = settle_scripts; i < replies.size(); ++i) read_take(replies[i], out, turn, taken);
    const std::size_t got = out.leases.size() - before;
    const bool full = wanted > 0 && got >= wanted;
    pace_.note(EventLoop::current().now() - sent, got + entry, full);
    const bool enough = out.leases.size() >= request.want || taken.bytes >= request.max_bytes ||
                        (request.alone && !out.leases.empty());
    if (!turn.more_on_record && !taken.more && (!full || enough)) break;
    commands.clear();
    settle_scripts = 0;
    durable = Durable();
  }
  co_await fetch_long(out, taken.long_ones);
  co_return out;
}

/// Gives how many jobs they may bring. Replies that are on record already are asked for without wanting more.
std::size_t Shard::add_takes(const queue::CycleRequest& request, const Turn& turn, const Taken& taken,
                             std::size_t before, std::vector<Command>& commands) const {
  const std::size_t want = turn.more_on_record || request.want < before ? 0 : request.want - before;
  const std::size_t each = std::min(want, pace_.jobs());
  const std::size_t needed = each == 0 ? 1 : (want + each - 1) / each;
  const std::size_t takes = request.alone || taken.more ? 1 : std::min(needed, pace_.takes());
  const std::uint64_t bytes = request.max_bytes - std::min(request.max_bytes, taken.bytes);
  for (std::size_t i = 0; i < takes; ++i)
    commands.push_back(take(request, turn, turn.part + i, std::min(each, want - each * i),
                            std::max<std::uint64_t>(bytes / takes, 1),
                            turn.not_first || before > 0 || i > 0));
  return std::min(want, each * takes);
}

Command Shard::begin_part(Script script, const queue::CycleRequest& request, std::size_t part,
                          std::size_t room) const {
  Command command = begin(script, room + 256);
  command.arg(bytes_of(request.worker.incarnation)).arg(request.seq).arg(part);
  command.arg(request.worker.name).arg(request.worker.process).arg(request.lease.count());
  return command;
}

std::vector<Command> Shard::settles(const queue::CycleRequest& request) const {
  std::vector<Command> commands;
  std::size_t work = units;
  std::size_t bytes = 0;
  int list = 0;  // of settle.lua's three: to which the last command has come
  const auto entry_of = [&](int of, const queue::LeaseRef& lease, std::size_t size) -> Command& {
    if (work >= units || bytes + size > bytes_per_script) {
      commands.push_back(begin_part(Script::settle, request, commands.size(), units * 64));
      commands.back().arg(random_()).arg(backoff_text(queue::Backoff()));
      work = bytes = 0;
      list = 0;
    }
    for (; list < of; ++list) commands.back().arg("");
    ++work;
    bytes += size;
    return commands.back().arg(bytes_of(lease.id)).arg(write_token(lease.token));
  };
  for (const queue::Done& done : request.done) entry_of(0, done.lease, done.result.size()).arg(done.result);
  for (const queue::Failed& failed : request.failed) {
    const bool has_error = !failed.error.type.empty() || !failed.error.message.empty();
    const queue::JobError error = has_error ? queue::clean_error(failed.error, limits_) : queue::JobError();
    std::string brief = has_error ? queue::brief_error(failed.error, limits_).message : std::string();
    brief = brief == error.message ? std::string() : "=" + brief;
    std::string what(kind_of(failed.kind));
    what += std::to_string(std::max<queue::Milliseconds::rep>(failed.delay.count(), -1));
    entry_of(1, failed.lease, error.message.size() + brief.size())
        .arg(what)
        .arg(error.type)
        .arg(error.message)
        .arg(brief);
  }
  for (const queue::Alive& alive : request.alive) {
    Command& command = entry_of(2, alive.lease, alive.note.size()).arg(alive.started ? "1" : "0");
    if (alive.progress >= 0)
      command.arg(text_of(alive.progress)).arg(queue::clean_text(alive.note, queue::progress_note_bytes));
    else
      command.arg("").arg("");
  }
  return commands;
}

Command Shard::take(const queue::CycleRequest& request, const Turn& turn, std::size_t part, std::size_t want,
                    std::uint64_t bytes, bool not_first) const {
  Command command =
      begin_part(Script::take, request, part, 64 * (request.queues.size() + request.names.size()));
  command.arg(want).arg(bytes).arg(request.alone ? "1" : "0").arg(not_first ? "1" : "0");
  command.arg(turn.channel);
  command.arg((turn.kept_for.count() < 0 ? request.lease : turn.kept_for).count());
  command.arg(request.queues.size());
  for (const std::string& queue : request.queues) command.arg(queue);
  for (const std::string& name : request.names) command.arg(name);
  return command;
}

void Shard::read_settle(const Reply& reply, const queue::CycleRequest& request, std::size_t& entry,
                        queue::CycleReply& out) {
  for (const char letter : reply.at(1).string()) {
    const queue::Verdict verdict = verdict_of(letter);
    if (entry < request.done.size())
      out.done.push_back(verdict);
    else if (entry < request.done.size() + request.failed.size())
      out.failed.push_back(verdict);
    else
      out.alive.push_back(verdict);
    ++entry;
  }
  const std::string& cancel = reply.at(2).string();
  for (std::size_t at = 0; at + 16 <= cancel.size(); at += 16)
    out.cancel.push_back(uuid_of(std::string_view(cancel).substr(at, 16)));
}

void Shard::read_take(const Reply& reply, queue::CycleReply& out, Turn& turn, Taken& taken) {
  ++turn.part;
  turn.asleep = reply.at(12).integer() == 1;
  const bool repeated = reply.at(0).integer() != 0;
  turn.more_on_record = reply.at(0).integer() == 2;
  out.repeated = out.repeated || repeated;
  out.now = reply.at(1).integer();
  learn(out.now, reply.at(2).integer());
  out.version = static_cast<std::uint64_t>(reply.at(3).integer());
  out.next_due = reply.at(4).integer();
  if (out.next_due != 0) due_seen_at_ = known_at_;
  out.suspects = static_cast<std::uint64_t>(reply.at(5).integer());
  const std::vector<Reply>& jobs = reply.at(6).array();
  const std::vector<Reply>& names = reply.at(7).array();
  auto token = static_cast<std::uint64_t>(reply.at(8).integer());
  for (std::size_t i = 0; i + 2 < jobs.size(); i += 3, ++token) {
    const Record record = read_record(jobs[i + 1].string());
    const auto name = static_cast<std::size_t>(jobs[i + 2].integer());
    queue::Lease& lease = out.leases.emplace_back();
    lease.ref = queue::LeaseRef(uuid_of(jobs[i].string()), repeated ? record.token : token, 0);
    lease.queue = names.at(name).string();
    lease.name = names.at(name + 1).string();
    lease.payload = record.payload;
    lease.priority = record.priority;
    lease.attempt = record.attempt + (repeated ? 0 : 1);
    lease.max_attempts = record.max_attempts;
    lease.timeout = record.timeout;
    lease.alone = repeated ? record.has(Record::alone) : reply.at(9).integer() == 1;
    lease.lost_before = record.has(Record::lost_before);
    lease.created_at = record.created_at;
    lease.run_at = record.run_at;
    taken.bytes += record.payload_bytes;
    if (record.has(Record::long_payload)) taken.long_ones.push_back(lease.ref.id);
  }
  const std::vector<Reply>& headers = reply.at(13).array();
  for (std::size_t i = 0; i + 1 < headers.size(); i += 2) {
    const std::size_t of_the_last = jobs.size() / 3 - static_cast<std::size_t>(headers[i].integer());
    out.leases.at(out.leases.size() - of_the_last).headers = read_headers(headers[i + 1].string());
  }
  out.unhandled.clear();
  for (const Reply& name : reply.at(10).array()) out.unhandled.push_back(name.string());
  taken.more = reply.at(11).integer() == 1;
}

/// Long payloads one by one, so that none keeps the server from others for long.
Task<void> Shard::fetch_long(queue::CycleReply& reply, const std::vector<queue::JobId>& long_ones) {
  for (const queue::JobId& id : long_ones) {
    const auto lease = std::find_if(reply.leases.begin(), reply.leases.end(),
                                    [&](const queue::Lease& each) { return each.ref.id == id; });
    Command command("GET");
    command.arg(prefix_ + "b" + std::string(bytes_of(id)));
    Reply payload = co_await run(std::move(command));
    if (payload.is_nil())
      reply.leases.erase(lease);  // lost and ended since
    else
      lease->payload = payload.take_string();
  }
}

Task<std::vector<queue::Verdict>> Shard::extend(queue::Uuid worker, std::vector<queue::LeaseRef> leases,
                                                queue::Milliseconds lease) {
  std::vector<Command> commands;
  for (std::size_t from = 0; from < leases.size(); from += units) {
    Command& command = commands.emplace_back(begin(Script::extend, units * 40));
    command.arg(bytes_of(worker)).arg(lease.count());
    for (std::size_t i = from; i < leases.size() && i < from + units; ++i)
      command.arg(bytes_of(leases[i].id)).arg(leases[i].token);
  }
  const std::vector<Reply> replies = co_await run(std::move(commands));
  std::vector<queue::Verdict> verdicts;
  for (const Reply& reply : replies)
    for (const char letter : reply.string()) verdicts.push_back(verdict_of(letter));
  co_return verdicts;
}

Task<void> Shard::pass(std::string queue, std::string handler, std::string times) {
  Command command = begin(Script::pass);
  command.arg(queue).arg(handler).arg(times);
  (void)co_await run(std::move(command));
}

/// A worker that has nothing to do looks where it is in charge of what is due next, as the end of a lease is:
/// where nobody holds any, nobody is gone.
bool Shard::looks_for_the_gone(const queue::CycleRequest& request, queue::Milliseconds now) const {
  if (!buried_at_) return true;
  const bool idle = request.done.empty() && request.failed.empty() && request.alive.empty();
  const bool in_charge = due_seen_at_ && now - *due_seen_at_ <= request.lease;
  return (!idle || in_charge) && now - *buried_at_ >= bury_every_;
}

/// A holder on this machine can be known to be gone long before its lease ends.
Task<void> Shard::bury_gone(const queue::CycleRequest& request) {
  const std::string& own_process = request.worker.process;
  const std::size_t pid = own_process.rfind('/', own_process.rfind('/') - 1);
  if (own_process.empty() || pid == std::string::npos) co_return;
  const queue::Milliseconds elapsed = (clock_ ? (*clock_)() : queue::read_system_clock()).elapsed;
  if (!looks_for_the_gone(request, elapsed)) co_return;
  buried_at_ = elapsed;
  const std::string machine = own_process.substr(0, pid + 1);
  const std::string key = prefix_ + "W" + machine;
  std::vector<Command> asks;
  asks.push_back(Command("HGETALL").arg(key));
  asks.push_back(Command("PEXPIRE").arg(key).arg(processes_kept_for.count()));
  const std::vector<Reply> replies = co_await run(std::move(asks));
  const Reply& workers = replies.at(0);
  std::vector<std::string> dead;
  std::map<std::string, bool> alive;
  const std::vector<Reply>& entries = workers.array();
  bury_every_ = std::max(bury_every, bury_every_for_each * static_cast<int>(entries.size() / 2));
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    const std::string& process = entries[i + 1].string();
    const auto [known, fresh] = alive.try_emplace(process, true);
    if (fresh) known->second = queue::may_be_alive(process);
    if (!known->second && dead.size() < units) dead.push_back(entries[i].string());
  }
  if (dead.empty()) co_return;
  std::string score;
  std::string id;
  do {
    Command bury = begin(Script::bury);
    bury.arg(score).arg(id).arg(machine);
    for (const std::string& incarnation : dead) bury.arg(incarnation);
    const Reply next = co_await run(std::move(bury));
    const bool more = !next.array().empty();
    score = more ? next.at(0).string() : std::string();
    id = more ? next.at(1).string() : std::string();
  } while (!id.empty());
}

}  // namespace coterie::brokers::redis
