// A worker's cycle, and its second half: leases.
#include <algorithm>
#include <iterator>
#include <utility>

#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/packing.hpp"
#include "src/queue/fence.hpp"
#include "src/queue/headers.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

/// One request and what it has been given so far.
struct Engine::Taking {
  const CycleRequest& request;
  WorkerRow& worker;
  CycleReply& reply;
  std::vector<std::string> queues{};  ///< of the request, less those that are paused
  std::vector<std::int64_t> names{};  ///< of its handlers; any, where the request names none
  std::uint64_t bytes = 0;

  [[nodiscard]] bool any() const noexcept { return request.names.empty(); }
  [[nodiscard]] bool handles(std::int64_t name) const noexcept {
    return any() || std::find(names.begin(), names.end(), name) != names.end();
  }
  [[nodiscard]] bool got_all() const noexcept { return reply.leases.size() >= request.want; }
};

CycleReply Engine::cycle(const CycleRequest& request) {
  WorkerRow worker = find_worker(request.worker.incarnation);
  if (const auto quiet = quiet_.find(request.worker.incarnation);
      quiet != quiet_.end() && quiet->second.first > worker.seq) {
    if (quiet->second.first == request.seq) {
      CycleReply again = quiet->second.second;
      again.repeated = true;
      return again;
    }
    worker.seq = quiet->second.first;
  } else if (worker.id != 0 && worker.seq == request.seq) {
    Statement& row = sql_.find_reply.with(db_, worker.id);
    ResetOnExit guard(row);
    if (row.step() && !row.is_null(0)) return unpack(std::string(row.text(0)), worker);
  }
  if (request.seq < worker.seq) refuse_old_seq(request.seq, worker.seq);

  const std::int64_t changes = sqlite3_total_changes64(db_);
  changed_ = false;
  CycleReply reply;
  reply.now = now_;
  reply.done.reserve(request.done.size());
  for (const Done& done : request.done) reply.done.push_back(settle_done(done, worker));
  for (const Failed& failed : request.failed) reply.failed.push_back(settle_failed(failed, worker));
  for (const Alive& alive : request.alive)
    reply.alive.push_back(extend(alive, worker, request.lease, reply.cancel));
  release_children();
  promote_due();
  expire_due(step_limit);
  recover_expired();
  release_children();
  retire(retire_limit);
  Taking taking{request, worker, reply};
  std::copy_if(request.queues.begin(), request.queues.end(), std::back_inserter(taking.queues),
               [this](const std::string& queue) { return paused_.find(queue) == paused_.end(); });
  for (const std::string& name : request.names)
    if (const std::int64_t id = name_id(name, false); id != 0) taking.names.push_back(id);
  take(taking);

  reply.next_due = min_until();
  for (Statement* first : {&sql_.next_due, &sql_.next_expiry}) {
    ResetOnExit guard(first->with(db_));
    if (!first->step() || first->is_null(0)) continue;
    const std::int64_t at = first->integer(0);
    if (reply.next_due == 0 || at < reply.next_due) reply.next_due = at;
  }
  for (const std::string& queue : taking.queues) {
    const std::int64_t id = name_id(queue, false);
    if (id == 0) continue;
    reply.suspects += count_suspects(id, taking);
    if (!taking.got_all() && !taking.any()) tell_unhandled(id, taking);
  }
  if (changed_) bump();
  reply.version = version();

  const bool silent = request.done.empty() && request.failed.empty() && request.alive.empty() &&
                      sqlite3_total_changes64(db_) == changes;
  if (silent) {
    // Nothing to lose: repeated after a restart it may as well happen then. Sparing the write spares a sync.
    if (quiet_.size() > 10'000) quiet_.clear();
    quiet_.insert_or_assign(request.worker.incarnation, std::make_pair(request.seq, reply));
    return reply;
  }
  ensure_worker(request.worker, worker);
  const std::string packed = pack(reply);
  sql_.put_reply.with(db_, worker.id, static_cast<std::int64_t>(request.seq), now_, Statement::Blob{packed})
      .run();
  return reply;
}

Engine::WorkerRow Engine::find_worker(const Uuid& incarnation) {
  Statement& row = sql_.find_worker.with(db_, incarnation);
  ResetOnExit guard(row);
  WorkerRow found;
  if (row.step()) {
    found.id = row.integer(0);
    found.seq = static_cast<std::uint64_t>(row.integer(1));
  }
  return found;
}

void Engine::ensure_worker(const WorkerRef& worker, WorkerRow& row) {
  if (row.id != 0) return;
  sql_.add_worker.with(db_, worker.incarnation, worker.name, worker.process, now_).run();
  row.id = sqlite3_last_insert_rowid(db_);
}

void Engine::take(Taking& taking) {
  const CycleRequest& request = taking.request;
  if (request.want == 0) return;
  if (request.alone) {
    for (const std::string& queue : taking.queues) {
      const std::int64_t id = name_id(queue, false);
      if (id != 0 && take_lane(lane_of(id, true), queue, true, taking)) return;
      if (!taking.reply.leases.empty()) return;
    }
  }
  for (const std::string& queue : taking.queues) {
    const std::int64_t id = name_id(queue, false);
    if (id == 0) continue;
    if (take_lane(lane_of(id, false), queue, false, taking)) return;
  }
}

/// Leases from one lane, in order; true when the reply is full. SELECT, then one DELETE of the range that was
/// taken: half the price of UPDATE … WHERE id IN (SELECT …) RETURNING. Each name is a stream of its own, and
/// keys are one order for all of them: the smallest of the streams' first keys is the next job.
bool Engine::take_lane(std::int64_t lane, const std::string& queue, bool suspects, Taking& taking) {
  const CycleRequest& request = taking.request;
  CycleReply& reply = taking.reply;
  const std::int64_t queue_id = lane / 2;
  const std::int64_t until = now_ + request.lease.count();
  const std::size_t most = suspects ? 1 : request.want;
  const std::vector<std::int64_t> names = taking.any() ? streams_of(lane) : taking.names;
  std::vector<std::int64_t> late;
  std::int64_t taken = 0;
  bool full = false;
  struct Stream {
    Statement* row = nullptr;  ///< on its first job that was not taken; null: there is none
    std::int64_t name = 0;
    std::int64_t last_key = -1;  ///< of those that were taken
  };
  struct Streams : std::vector<Stream> {
    ~Streams() {
      for (const Stream& stream : *this)
        if (stream.row != nullptr) stream.row->reset();
    }
  } streams;
  while (sql_.take.size() < names.size()) sql_.take.emplace_back(Statements::take_sql);
  for (std::size_t i = 0; i < names.size() && reply.leases.size() < most; ++i) {
    Statement& row = sql_.take[i].with(db_, lane, names[i],
                                       static_cast<std::int64_t>(most - reply.leases.size()) + step_limit);
    if (!row.step()) continue;
    Stream& stream = streams.emplace_back();
    stream.row = &row;
    stream.name = names[i];
  }
  while (reply.leases.size() < most) {
    Stream* first = nullptr;
    for (Stream& stream : streams)
      if (stream.row != nullptr && (first == nullptr || stream.row->integer(0) < first->row->integer(0)))
        first = &stream;
    if (first == nullptr) break;
    Statement& row = *first->row;
    const std::int64_t job = row.integer(1);
    const std::int64_t attempt = row.integer(5);
    const std::int64_t expires_at = row.integer(10);
    const bool may_expire = expires_at != 0 && attempt == 0 && row.integer(12) == 0;
    if (may_expire && expires_at <= now_) {
      late.push_back(job);
    } else {
      std::string payload = row.is_null(11) ? body(job) : std::string(row.text(11));
      if (!reply.leases.empty() && taking.bytes + payload.size() > request.max_bytes) {
        full = true;
        break;
      }
      taking.bytes += payload.size();
      ensure_worker(request.worker, taking.worker);
      meta_.token = std::max(meta_.token + 1, static_cast<std::int64_t>(least_token(now_)));
      Lease& lease = reply.leases.emplace_back();
      lease.ref =
          LeaseRef(row.uuid(2), static_cast<std::uint64_t>(meta_.token), static_cast<std::uint64_t>(job));
      lease.queue = queue;
      lease.name = name_text(first->name);
      lease.payload = std::move(payload);
      lease.priority = static_cast<int>(row.integer(4));
      lease.attempt = static_cast<std::uint32_t>(attempt + 1);
      lease.max_attempts = static_cast<std::uint32_t>(row.integer(6));
      lease.timeout = Milliseconds(row.integer(7));
      lease.alone = suspects;
      lease.lost_before = row.integer(13) != 0;
      lease.created_at = row.integer(9);
      lease.run_at = row.integer(14);
      if (!row.is_null(15)) lease.headers = unpack_headers(row.text(15));
      sql_.add_lease
          .with(db_, job, lease.ref.id, meta_.token, taking.worker.id, until,
                suspects ? lease_alone : no_flags, queue_id, attempt + 1, now_, row.integer(8))
          .run();
      if (may_expire) sql_.drop_expiring.with(db_, expires_at, job).run();
      first->last_key = row.integer(0);
      ++taken;
    }
    if (!row.step()) first->row = nullptr;
  }
  for (Stream& stream : streams) {
    if (stream.row != nullptr) std::exchange(stream.row, nullptr)->reset();
  }
  if (taken > 0) {
    count(queue_id, JobState::ready, -taken);
    count(queue_id, JobState::leased, taken);
    if (min_until_known_ && (min_until_ == 0 || until < min_until_)) min_until_ = until;
  }
  for (const std::int64_t job : late) {  // more than expire_due does in one step
    JobRow row;
    if (!load_job(job, row)) throw SqliteError(SQLITE_CORRUPT, "a ready job without its row");
    leave_waiting(row);
    to_waiting(row);
  }
  for (const Stream& stream : streams)
    if (stream.last_key >= 0) sql_.drop_ready_up_to.with(db_, lane, stream.name, stream.last_key).run();
  if (!late.empty()) release_children();
  return full || reply.leases.size() >= most;
}

/// The first name above `name` that has ready jobs in the lane; 0: none.
std::int64_t Engine::next_stream(std::int64_t lane, std::int64_t name) {
  Statement& row = sql_.next_stream.with(db_, lane, name);
  ResetOnExit guard(row);
  return row.step() ? row.integer(0) : 0;
}

std::vector<std::int64_t> Engine::streams_of(std::int64_t lane) {
  std::vector<std::int64_t> names;
  for (std::int64_t name = next_stream(lane, 0); name != 0; name = next_stream(lane, name))
    names.push_back(name);
  return names;
}

std::uint64_t Engine::count_suspects(std::int64_t queue, const Taking& taking) {
  const std::int64_t lane = lane_of(queue, true);
  const auto counted = [](Statement& row) {
    ResetOnExit guard(row);
    return row.step() ? static_cast<std::uint64_t>(row.integer(0)) : 0;
  };
  const std::uint64_t all = counted(sql_.count_lane.with(db_, lane));
  if (all == 0 || taking.any()) return all;
  std::uint64_t ours = 0;
  for (const std::int64_t name : taking.names) ours += counted(sql_.count_stream.with(db_, lane, name));
  return ours;
}

void Engine::tell_unhandled(std::int64_t queue, Taking& taking) {
  std::vector<std::string>& told = taking.reply.unhandled;
  const std::int64_t lane = lane_of(queue, false);
  std::int64_t name = next_stream(lane, 0);
  for (; name != 0 && told.size() < unhandled_told; name = next_stream(lane, name)) {
    if (taking.handles(name) || std::find(told.begin(), told.end(), name_text(name)) != told.end()) continue;
    told.push_back(name_text(name));
  }
}

std::string Engine::body(std::int64_t job) {
  Statement& row = sql_.find_body.with(db_, job);
  ResetOnExit guard(row);
  if (!row.step()) throw SqliteError(SQLITE_CORRUPT, "a job without its payload");
  return std::string(row.text(0));
}

std::string Engine::pack(const CycleReply& reply) const {
  Packer out;
  for (const auto* verdicts : {&reply.done, &reply.failed, &reply.alive}) {
    out.number(verdicts->size());
    for (const Verdict verdict : *verdicts) out.number(static_cast<std::uint64_t>(verdict));
  }
  out.number(reply.cancel.size());
  for (const JobId& id : reply.cancel) out.bytes(id.bytes.data(), id.bytes.size());
  out.signed_number(reply.now);
  out.signed_number(reply.next_due);
  out.number(reply.suspects);
  out.number(reply.version);
  out.number(reply.leases.size());
  std::int64_t job = 0;
  std::int64_t token = 0;
  for (const Lease& lease : reply.leases) {
    const auto this_job = static_cast<std::int64_t>(lease.ref.hint);
    const auto this_token = static_cast<std::int64_t>(lease.ref.token);
    out.signed_number(this_job - job);
    out.signed_number(this_token - token);
    out.number(lease.attempt * 2U + (lease.alone ? 1U : 0U));
    job = this_job;
    token = this_token;
  }
  return out.str();
}

/// What a job is never changes, so a lease is told again from its number, token and attempt.
CycleReply Engine::unpack(std::string_view packed, const WorkerRow& worker) {
  Unpacker in(packed);
  CycleReply reply;
  reply.repeated = true;
  for (auto* verdicts : {&reply.done, &reply.failed, &reply.alive}) {
    verdicts->resize(in.number());
    for (Verdict& verdict : *verdicts) verdict = static_cast<Verdict>(in.number());
  }
  reply.cancel.resize(in.number());
  for (JobId& id : reply.cancel) {
    const std::string_view raw = in.bytes(id.bytes.size());
    std::copy(raw.begin(), raw.end(), reinterpret_cast<char*>(id.bytes.data()));
  }
  reply.now = in.signed_number();
  reply.next_due = in.signed_number();
  reply.suspects = in.number();
  reply.version = in.number();
  const std::uint64_t leases = in.number();
  std::int64_t job = 0;
  std::int64_t token = 0;
  for (std::uint64_t i = 0; i < leases; ++i) {
    job += in.signed_number();
    token += in.signed_number();
    const std::uint64_t attempt = in.number();
    LeaseRow held;
    if (!load_lease(job, held) || held.token != token || held.owner != worker.id) continue;  // lost since
    Statement& row = sql_.reread.with(db_, job);
    ResetOnExit guard(row);
    if (!row.step()) throw SqliteError(SQLITE_CORRUPT, "a lease without its job");
    Lease& lease = reply.leases.emplace_back();
    lease.ref = LeaseRef(row.uuid(0), static_cast<std::uint64_t>(token), static_cast<std::uint64_t>(job));
    lease.queue = name_text(row.integer(1));
    lease.name = name_text(row.integer(2));
    lease.priority = static_cast<int>(row.integer(3));
    lease.attempt = static_cast<std::uint32_t>(attempt / 2);
    lease.alone = attempt % 2 != 0;
    lease.max_attempts = static_cast<std::uint32_t>(row.integer(4));
    lease.timeout = Milliseconds(row.integer(5));
    lease.created_at = row.integer(6);
    lease.payload = row.is_null(7) ? body(job) : std::string(row.text(7));
    lease.lost_before = row.integer(8) != 0;
    lease.run_at = row.integer(9);
    if (!row.is_null(10)) lease.headers = unpack_headers(row.text(10));
  }
  return reply;
}

}  // namespace coterie::brokers::sqlite
