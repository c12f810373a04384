#include "src/brokers/sqlite/schema.hpp"

#include <sys/stat.h>

#include <chrono>
#include <iterator>
#include <thread>

namespace coterie::brokers::sqlite {
namespace {

// The newest that did not succeed of each job, which has a row in `failure`.
#define COTERIE_ATTEMPT_TABLE                                                                          \
  "CREATE TABLE attempt(job INTEGER NOT NULL, place INTEGER NOT NULL, number INTEGER NOT NULL,"        \
  " started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, worker TEXT NOT NULL, type TEXT NOT NULL," \
  " message TEXT NOT NULL, PRIMARY KEY(job, place)) WITHOUT ROWID;"

// A job's state is where its rows are: a row in `final` has the final state; else a row in `lease` means
// leased; else `job.state` is blocked, scheduled or ready. A normal life inserts into id, job and ready, then
// deletes from ready and inserts into lease, then deletes from lease and inserts into final: the wide `job`
// row is written once. `ready` and `lease` are narrow, so a batch touches few pages of them.
//
// Row numbers come from meta.next and are never used twice, so a reference to a deleted job points nowhere.
constexpr const char* tables = R"sql(
CREATE TABLE meta(
  one INTEGER PRIMARY KEY CHECK(one = 1),
  version INTEGER NOT NULL,    -- grows when a job became ready or final, or a cancel was requested
  clock INTEGER NOT NULL,      -- the broker's time when it last wrote
  token INTEGER NOT NULL,      -- the last fencing token given
  next INTEGER NOT NULL        -- the next row number, and place in the ready order
);
CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);  -- of queues and handlers
CREATE TABLE id(                -- every id that enqueue must know; without a row in job it is a tombstone, and
                                -- below 0 that of a job that was withdrawn
  id BLOB PRIMARY KEY,
  job INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE job(
  job INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  queue INTEGER NOT NULL,
  name INTEGER NOT NULL,
  state INTEGER NOT NULL,      -- where it waits while it is neither leased nor final
  priority INTEGER NOT NULL,
  key INTEGER NOT NULL,        -- of its row in ready
  attempt INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  alone_crashes INTEGER NOT NULL,
  max_crashes INTEGER NOT NULL,
  timeout INTEGER NOT NULL,
  result_ttl INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  waits INTEGER NOT NULL,      -- jobs it waits for that are not final
  token INTEGER NOT NULL,      -- of the last attempt that its holder decided, who that was, and how
  owner INTEGER NOT NULL,
  decision INTEGER NOT NULL,
  backoff BLOB,                -- NULL: the default
  payload TEXT,                -- NULL: in body, because it is long and this row may be written again
  lost INTEGER NOT NULL,       -- 1: a lease of this attempt was lost with its worker
  headers BLOB                 -- NULL: none
);
CREATE TABLE body(job INTEGER PRIMARY KEY, payload TEXT NOT NULL);
CREATE TABLE ready(
  lane INTEGER NOT NULL,       -- 2 × queue, + 1 for suspects, which run alone
  name INTEGER NOT NULL,       -- of the handler: lane and name are a stream, and a worker takes from some
  key INTEGER NOT NULL,        -- (1000 - priority) << 52 | place: one order for all streams
  job INTEGER NOT NULL,
  PRIMARY KEY(lane, name, key)
) WITHOUT ROWID;
CREATE TABLE scheduled(run_at INTEGER NOT NULL, job INTEGER NOT NULL, PRIMARY KEY(run_at, job)) WITHOUT ROWID;
CREATE TABLE expiring(expires_at INTEGER NOT NULL, job INTEGER NOT NULL, PRIMARY KEY(expires_at, job)) WITHOUT ROWID;
CREATE TABLE lease(
  job INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  token INTEGER NOT NULL,
  owner INTEGER NOT NULL,      -- worker.id
  until INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  queue INTEGER NOT NULL,      -- these four so that done needs no look at job
  attempt INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  result_ttl INTEGER NOT NULL
);
CREATE TABLE final(
  job INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  result_ttl INTEGER NOT NULL,
  token INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  decision INTEGER NOT NULL,
  result TEXT
);
CREATE INDEX final_not_done ON final(state) WHERE state > 5;
CREATE TABLE failure(job INTEGER PRIMARY KEY, type TEXT NOT NULL, message TEXT NOT NULL);
)sql" COTERIE_ATTEMPT_TABLE R"sql(
CREATE TABLE progress(job INTEGER PRIMARY KEY, value REAL NOT NULL, note TEXT NOT NULL);
CREATE TABLE dependency(parent INTEGER NOT NULL, child INTEGER NOT NULL, PRIMARY KEY(parent, child)) WITHOUT ROWID;
CREATE TABLE counts(queue INTEGER NOT NULL, state INTEGER NOT NULL, jobs INTEGER NOT NULL,
  PRIMARY KEY(queue, state)) WITHOUT ROWID;
CREATE TABLE worker(
  id INTEGER PRIMARY KEY,
  incarnation BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL,
  process TEXT NOT NULL,
  seq INTEGER NOT NULL,        -- of its last call that changed something
  seen_at INTEGER NOT NULL,
  reply BLOB                   -- to that call
);
CREATE TABLE retire(at INTEGER NOT NULL, seq INTEGER NOT NULL, jobs BLOB NOT NULL,  -- whose records end then
  PRIMARY KEY(at, seq)) WITHOUT ROWID;
CREATE TABLE tomb(at INTEGER NOT NULL, seq INTEGER NOT NULL, ids BLOB NOT NULL,     -- which are forgotten then
  PRIMARY KEY(at, seq)) WITHOUT ROWID;
CREATE TABLE note(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES(1, 1, 0, 0, 1);
)sql";

// What makes a file of one schema into one of the next, from `oldest_schema` on. `tables` has it all already.
constexpr const char* migrations[] = {
    "ALTER TABLE job ADD COLUMN headers BLOB",  // 3
    COTERIE_ATTEMPT_TABLE,                      // 4
};
static_assert(oldest_schema + std::size(migrations) == schema_version);

// Of workers, and none of the jobs': see fleet.cpp.
constexpr const char* fleet_tables = R"sql(
CREATE TABLE bell(one INTEGER PRIMARY KEY CHECK(one = 1), rung INTEGER NOT NULL);  -- at each question and answer
CREATE TABLE member(worker BLOB PRIMARY KEY, report TEXT NOT NULL, started_at INTEGER NOT NULL,
  heard_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE question(id BLOB PRIMARY KEY, worker BLOB NOT NULL, until INTEGER NOT NULL, text TEXT NOT NULL,
  outcome INTEGER, answer TEXT);  -- NULL: not answered
INSERT INTO bell VALUES(1, 0);
)sql";

bool has_fleet(Connection& db) {
  return db.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'bell'") != 0;
}

[[noreturn]] void refuse(const Settings& settings, const std::string& why) {
  throw BadBroker("SQLite broker " + settings.path + ": " + why);
}

/// Reads who made the file. Its schema, of those that can be brought up to date; 0 when it is empty.
int check_owner(Connection& db, const Settings& settings) {
  const std::int64_t owner = db.integer("PRAGMA application_id");
  const std::int64_t version = db.integer("PRAGMA user_version");
  if (owner == 0 && version == 0 && db.integer("SELECT count(*) FROM sqlite_schema") == 0) return 0;
  if (owner != application_id)
    refuse(settings, "it is the database of another application: name another file for the queue");
  if (version > schema_version)
    refuse(settings, "it was made by a newer coterie (schema " + std::to_string(version) +
                         ", this one knows " + std::to_string(schema_version) + "): update coterie");
  if (version < oldest_schema)
    refuse(settings, "it was made by an older coterie (schema " + std::to_string(version) +
                         ", this one needs " + std::to_string(oldest_schema) +
                         " or later): let that one finish its jobs, or name another file");
  return static_cast<int>(version);
}

/// Inside a transaction that writes.
void bring_up_to_date(Connection& db, int schema) {
  if (schema == schema_version) return;
  if (schema == 0) {
    db.exec(tables);
  } else {
    for (int next = schema; next < schema_version; ++next) db.exec(migrations[next - oldest_schema]);
  }
  db.exec("PRAGMA application_id = " + std::to_string(application_id) +
          "; PRAGMA user_version = " + std::to_string(schema_version));
}

/// SQLite takes a file shorter than its header says for a short but whole database until a page is missing.
void check_size(Connection& db, const Settings& settings) {
  struct stat info{};
  if (::stat(settings.path.c_str(), &info) != 0 || info.st_size == 0) return;
  struct stat wal{};
  if (::stat((settings.path + "-wal").c_str(), &wal) == 0 && wal.st_size > 0) return;  // pages may be there
  const std::int64_t expected = db.integer("PRAGMA page_count") * db.integer("PRAGMA page_size");
  if (info.st_size < expected)
    throw SqliteError(SQLITE_CORRUPT,
                      std::to_string(info.st_size) + " of " + std::to_string(expected) + " bytes");
}

/// Turning a new file into a WAL one takes all its locks, and SQLite does not wait for them: another process
/// may be doing just the same.
void into_wal(Connection& db, const Settings& settings) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(settings.busy_timeout_ms);
  for (;;) {
    try {
      return db.exec("PRAGMA journal_mode = WAL");
    } catch (const SqliteError& error) {
      if (error.primary() != SQLITE_BUSY || std::chrono::steady_clock::now() >= until) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

Connection open_for_writing(const Settings& settings, const SyncCounter& vfs) {
  struct stat info{};
  if (settings.path.empty())
    refuse(settings, "the URL names no file: write sqlite://jobs.db or sqlite:///var/lib/jobs.db");
  if (::stat(settings.path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    throw SqliteError(SQLITE_CANTOPEN, "not a regular file");
  Connection db(settings.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs.name());
  if (sqlite3_db_readonly(db, "main") == 1)
    throw SqliteError(SQLITE_READONLY, "attempt to write a readonly database");
  sqlite3_busy_timeout(db, settings.busy_timeout_ms);
  db.exec("BEGIN");  // one look: another process may be making the tables
  const int found = check_owner(db, settings);
  db.exec("ROLLBACK");
  if (found != 0) check_size(db, settings);
  if (found == 0) db.exec("PRAGMA page_size = 8192");
  into_wal(db, settings);
  db.exec("PRAGMA synchronous = " + settings.synchronous);
  db.exec(
      "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; "
      "PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF");
  if (found != schema_version) {
    db.exec("BEGIN IMMEDIATE");
    bring_up_to_date(db, check_owner(db, settings));  // another process may have done it in the meantime
    db.exec("COMMIT");
  }
  if (!has_fleet(db)) {
    db.exec("BEGIN IMMEDIATE");
    if (!has_fleet(db)) db.exec(fleet_tables);
    db.exec("COMMIT");
  }
  return db;
}

Connection open_for_reading(const Settings& settings, const SyncCounter& vfs) {
  Connection db(settings.path, SQLITE_OPEN_READWRITE, vfs.name());
  sqlite3_busy_timeout(db, settings.busy_timeout_ms);
  db.exec(
      "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192; PRAGMA temp_store = "
      "MEMORY");
  return db;
}

}  // namespace coterie::brokers::sqlite
