#include "src/brokers/sqlite/engine.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>

#include "src/brokers/sqlite/error.hpp"

namespace coterie::brokers::sqlite {

Engine::Engine(Connection db, const Limits& limits, ClockSource clock)
    : db_(std::move(db)), limits_(limits), clock_(std::move(clock)), random_(std::random_device{}()) {}

void Engine::begin() {
  check_in_place(db_);
  const auto before = std::chrono::steady_clock::now();
  sql_.begin.with(db_).run();
  const auto waited = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - before);
  changed_ = false;
  wrote_ = false;
  changes_before_ = sqlite3_total_changes64(db_);

  Statement& version = sql_.data_version.with(db_);
  version.step();
  const std::int64_t data_version = version.integer(0);
  version.reset();
  if (data_version != data_version_) {
    load_meta();
    data_version_ = data_version;
  }
  const BrokerClock::Tick tick = clock_.tick();
  now_ = std::max(tick.now, meta_.clock);
  // What others have measured of the same step they have written down. Where that was rolled back it comes
  // again.
  const Milliseconds jumped = tick.jumped - Milliseconds(steps_ - steps_before_.value_or(steps_));
  // Whoever holds a lease had nothing of the time by which the clock was set forward, nor could it report
  // itself alive while we stood in front of a lock.
  Milliseconds lost = jumped > BrokerClock::tolerance ? jumped : Milliseconds{0};
  if (waited >= BrokerClock::tolerance) lost = std::max(lost, waited);
  if (lost.count() > 0) {
    sql_.extend_all.with(db_, lost.count()).run();
    min_until_known_ = false;
  }
  if (jumped > BrokerClock::tolerance) note_jump(jumped);
  steps_before_ = steps_;
}

/// Nor has anything been kept for that time.
void Engine::note_jump(Milliseconds jumped) {
  sql_.shift_retire.with(db_, jumped.count()).run();
  sql_.shift_tombs.with(db_, jumped.count()).run();
  steps_ += jumped.count();
  sql_.put_note.with(db_, steps_note, std::to_string(steps_)).run();
  retention_at_ = 0;
}

void Engine::load_meta() {
  Statement& row = sql_.read_meta.with(db_);
  ResetOnExit guard(row);
  if (!row.step()) throw SqliteError(SQLITE_CORRUPT, "the table meta is empty");
  stored_ = {row.integer(0), row.integer(1), row.integer(2), row.integer(3)};
  meta_ = stored_;
  min_until_known_ = false;
  dependencies_.reset();
  retention_at_ = 0;
  load_paused();
  Statement& note = sql_.find_note.with(db_, steps_note);
  ResetOnExit reset(note);
  const std::string steps(note.step() ? note.text(0) : std::string_view("0"));
  std::from_chars(steps.data(), steps.data() + steps.size(), steps_);
}

void Engine::commit() {
  flush_counts();
  flush_retiring();
  const bool numbers =
      meta_.version != stored_.version || meta_.token != stored_.token || meta_.next != stored_.next;
  wrote_ = numbers || sqlite3_total_changes64(db_) != changes_before_;
  if (wrote_) {
    meta_.clock = now_;
    sql_.write_meta.with(db_, meta_.version, meta_.clock, meta_.token, meta_.next).run();
  }
  sql_.commit.with(db_).run();
  stored_ = meta_;
}

void Engine::remember_clock() {
  begin();
  if (now_ > meta_.clock) sql_.write_meta.with(db_, meta_.version, now_, meta_.token, meta_.next).run();
  commit();
}

void Engine::rollback() noexcept {
  try {
    if (in_transaction()) sql_.rollback.with(db_).run();
  } catch (const SqliteError&) {
    // A transaction that SQLite has ended by itself; in_transaction tells at the next begin.
  }
  forget_caches();
}

void Engine::forget_caches() noexcept {
  data_version_ = -1;
  name_ids_.clear();
  names_.clear();
  counts_.clear();
  released_.clear();
  retiring_.clear();
  buried_.clear();
  quiet_.clear();
}

std::int64_t Engine::name_id(const std::string& text, bool add) {
  if (const auto known = name_ids_.find(text); known != name_ids_.end()) return known->second;
  std::int64_t id = 0;
  {
    Statement& find = sql_.find_name.with(db_, text);
    ResetOnExit guard(find);
    if (find.step()) id = find.integer(0);
  }
  if (id == 0) {
    if (!add) return 0;
    sql_.add_name.with(db_, text).run();
    id = sqlite3_last_insert_rowid(db_);
  }
  if (name_ids_.size() > 10'000) name_ids_.clear();
  name_ids_.emplace(text, id);
  return id;
}

const std::string& Engine::name_text(std::int64_t id) {
  if (const auto known = names_.find(id); known != names_.end()) return known->second;
  Statement& find = sql_.find_text.with(db_, id);
  ResetOnExit guard(find);
  std::string text = find.step() ? std::string(find.text(0)) : std::string();
  if (names_.size() > 10'000) names_.clear();
  return names_.emplace(id, std::move(text)).first->second;
}

std::int64_t Engine::find_job_number(const Uuid& id) {
  Statement& find = sql_.find_id.with(db_, id);
  ResetOnExit guard(find);
  return find.step() ? find.integer(0) : 0;
}

Backoff read_backoff(std::string_view packed) {
  Backoff backoff;
  if (packed.size() != 32) return backoff;
  std::int64_t base = 0;
  std::int64_t cap = 0;
  std::memcpy(&base, packed.data(), 8);
  std::memcpy(&backoff.factor, packed.data() + 8, 8);
  std::memcpy(&cap, packed.data() + 16, 8);
  std::memcpy(&backoff.jitter, packed.data() + 24, 8);
  backoff.base = Milliseconds(base);
  backoff.cap = Milliseconds(cap);
  return backoff;
}

bool Engine::load_job(std::int64_t job, JobRow& row) {
  Statement& find = sql_.find_job.with(db_, job);
  ResetOnExit guard(find);
  if (!find.step()) return false;
  row.job = job;
  row.id = find.uuid(0);
  row.queue = find.integer(1);
  row.state = find.integer(2);
  row.priority = find.integer(3);
  row.key = find.integer(4);
  row.attempt = find.integer(5);
  row.max_attempts = find.integer(6);
  row.crashes = find.integer(7);
  row.alone_crashes = find.integer(8);
  row.max_crashes = find.integer(9);
  row.result_ttl = find.integer(10);
  row.run_at = find.integer(11);
  row.started_at = find.integer(12);
  row.expires_at = find.integer(13);
  row.waits = find.integer(14);
  row.token = find.integer(15);
  row.owner = find.integer(16);
  row.decision = static_cast<Decision>(find.integer(17));
  row.backoff = read_backoff(find.text(18));
  row.name = find.integer(19);
  row.lost = find.integer(20);
  return true;
}

void Engine::store_job(const JobRow& row) {
  sql_.update_job
      .with(db_, row.job, row.state, row.key, row.attempt, row.crashes, row.alone_crashes, row.run_at,
            row.started_at, row.expires_at, row.waits, row.token, row.owner,
            static_cast<std::int64_t>(row.decision), row.lost)
      .run();
}

bool Engine::load_lease(std::int64_t job, LeaseRow& row) {
  Statement& find = sql_.find_lease.with(db_, job);
  ResetOnExit guard(find);
  if (!find.step()) return false;
  row.job = job;
  row.id = find.uuid(0);
  row.token = find.integer(1);
  row.owner = find.integer(2);
  row.until = find.integer(3);
  row.flags = find.integer(4);
  row.queue = find.integer(5);
  row.attempt = find.integer(6);
  row.started_at = find.integer(7);
  row.result_ttl = find.integer(8);
  return true;
}

void Engine::drop_lease(const LeaseRow& row) {
  sql_.drop_lease.with(db_, row.job).run();
  if (row.until <= min_until_) min_until_known_ = false;
}

void Engine::count(std::int64_t queue, JobState state, std::int64_t delta) {
  counts_[queue][static_cast<std::size_t>(state)] += delta;
}

void Engine::flush_counts() {
  for (const auto& [queue, states] : counts_) {
    for (std::size_t state = 0; state < states.size(); ++state) {
      if (states[state] != 0) sql_.count.with(db_, queue, state, states[state]).run();
    }
  }
  counts_.clear();
}

}  // namespace coterie::brokers::sqlite
