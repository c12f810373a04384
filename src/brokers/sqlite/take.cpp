// A worker's cycle, and its second half: leases.
#include <algorithm>

#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/packing.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

CycleReply Engine::cycle(const CycleRequest& request) {
  WorkerRow worker = find_worker(request.worker);
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
  take(request, worker, reply);

  reply.next_due = min_until();
  for (Statement* first : {&sql_.next_due, &sql_.next_expiry}) {
    ResetOnExit guard(first->with(db_));
    if (!first->step() || first->is_null(0)) continue;
    const std::int64_t at = first->integer(0);
    if (reply.next_due == 0 || at < reply.next_due) reply.next_due = at;
  }
  for (const std::string& queue : request.queues) {
    const std::int64_t id = name_id(queue, false);
    if (id == 0) continue;
    Statement& count = sql_.count_lane.with(db_, lane_of(id, true));
    ResetOnExit guard(count);
    if (count.step()) reply.suspects += static_cast<std::uint64_t>(count.integer(0));
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

Engine::WorkerRow Engine::find_worker(const WorkerRef& worker) {
  Statement& row = sql_.find_worker.with(db_, worker.incarnation);
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

void Engine::take(const CycleRequest& request, WorkerRow& worker, CycleReply& reply) {
  if (request.want == 0) return;
  std::uint64_t bytes = 0;
  if (request.alone) {
    for (const std::string& queue : request.queues) {
      const std::int64_t id = name_id(queue, false);
      if (id != 0 && take_lane(lane_of(id, true), queue, true, request, worker, bytes, reply)) return;
      if (!reply.leases.empty()) return;
    }
  }
  for (const std::string& queue : request.queues) {
    const std::int64_t id = name_id(queue, false);
    if (id == 0) continue;
    if (take_lane(lane_of(id, false), queue, false, request, worker, bytes, reply)) return;
  }
}

/// Leases from one lane, in order; true when the reply is full. SELECT, then one DELETE of the range that was
/// taken: half the price of UPDATE … WHERE id IN (SELECT …) RETURNING.
bool Engine::take_lane(std::int64_t lane, const std::string& queue, bool suspects,
                       const CycleRequest& request, WorkerRow& worker, std::uint64_t& bytes,
                       CycleReply& reply) {
  const std::int64_t queue_id = lane / 2;
  const std::int64_t until = now_ + request.lease.count();
  const std::size_t most = suspects ? 1 : request.want;
  std::vector<std::int64_t> late;
  std::int64_t last_key = -1;
  std::int64_t taken = 0;
  bool full = false;
  {
    Statement& row =
        sql_.take.with(db_, lane, static_cast<std::int64_t>(most - reply.leases.size()) + step_limit);
    ResetOnExit guard(row);
    while (reply.leases.size() < most && row.step()) {
      const std::int64_t job = row.integer(1);
      const std::int64_t attempt = row.integer(5);
      const std::int64_t expires_at = row.integer(10);
      const bool may_expire = expires_at != 0 && attempt == 0 && row.integer(12) == 0;
      if (may_expire && expires_at <= now_) {
        late.push_back(job);
        continue;
      }
      std::string payload = row.is_null(11) ? body(job) : std::string(row.text(11));
      if (!reply.leases.empty() && bytes + payload.size() > request.max_bytes) {
        full = true;
        break;
      }
      bytes += payload.size();
      ensure_worker(request.worker, worker);
      Lease& lease = reply.leases.emplace_back();
      lease.ref =
          LeaseRef(row.uuid(2), static_cast<std::uint64_t>(++meta_.token), static_cast<std::uint64_t>(job));
      lease.queue = queue;
      lease.name = name_text(row.integer(3));
      lease.payload = std::move(payload);
      lease.priority = static_cast<int>(row.integer(4));
      lease.attempt = static_cast<std::uint32_t>(attempt + 1);
      lease.max_attempts = static_cast<std::uint32_t>(row.integer(6));
      lease.timeout = Milliseconds(row.integer(7));
      lease.alone = suspects;
      lease.lost_before = row.integer(13) != 0;
      lease.created_at = row.integer(9);
      sql_.add_lease
          .with(db_, job, lease.ref.id, meta_.token, worker.id, until, suspects ? lease_alone : no_flags,
                queue_id, attempt + 1, now_, row.integer(8))
          .run();
      if (may_expire) sql_.drop_expiring.with(db_, expires_at, job).run();
      last_key = row.integer(0);
      ++taken;
    }
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
  if (last_key >= 0) sql_.drop_ready_up_to.with(db_, lane, last_key).run();
  if (!late.empty()) release_children();
  return full || reply.leases.size() >= most;
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
  }
  return reply;
}

}  // namespace coterie::brokers::sqlite
