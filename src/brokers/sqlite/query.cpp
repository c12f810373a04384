#include "src/brokers/sqlite/query.hpp"

#include <pthread.h>

#include <algorithm>

#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/packing.hpp"
#include "src/queue/headers.hpp"

namespace coterie::brokers::sqlite {

#define COTERIE_JOB_COLUMNS                                                                           \
  "SELECT j.job, j.id, q.text, h.text, j.state, j.priority, j.attempt, j.max_attempts, j.crashes, "   \
  "j.created_at,"                                                                                     \
  " j.run_at, j.started_at, j.waits, j.payload, l.until, l.flags, l.attempt, l.started_at, f.state, " \
  "f.attempt,"                                                                                        \
  " f.started_at, f.finished_at, w.name, p.value, p.note, e.type, e.message, j.headers"
#define COTERIE_JOB_TABLES                                                                                   \
  " CROSS JOIN job j ON j.job = d.job LEFT JOIN lease l ON l.job = j.job LEFT JOIN final f ON f.job = j.job" \
  " LEFT JOIN progress p ON p.job = j.job LEFT JOIN failure e ON e.job = j.job"                              \
  " LEFT JOIN name q ON q.id = j.queue LEFT JOIN name h ON h.id = j.name"                                    \
  " LEFT JOIN worker w ON w.id = coalesce(l.owner, f.owner, j.owner)"

namespace {
constexpr const char* get_sql = COTERIE_JOB_COLUMNS " FROM (SELECT ?1 AS job) d" COTERIE_JOB_TABLES;
}

Query::Snapshot::Snapshot(Query& query) : query_(query) {
  query_.begin_.with(query_.db_).run();
}

Query::Snapshot::~Snapshot() {
  try {
    query_.end_.with(query_.db_).run();
  } catch (const SqliteError&) {
    // It is over already; the next BEGIN would tell otherwise.
  }
}

Query::Query(Connection db) : db_(std::move(db)), get_(get_sql) {}

JobInfo Query::info(Statement& row, bool bodies) {
  JobInfo info;
  const std::int64_t job = row.integer(0);
  info.id = row.uuid(1);
  info.queue = row.text(2);
  info.name = row.text(3);
  info.state = static_cast<JobState>(row.integer(4));
  info.priority = static_cast<int>(row.integer(5));
  std::int64_t attempt = row.integer(6);
  info.max_attempts = static_cast<std::uint32_t>(row.integer(7));
  info.crashes = static_cast<std::uint32_t>(row.integer(8));
  info.created_at = row.integer(9);
  info.run_at = row.integer(10);
  info.started_at = row.integer(11);
  const bool leased = !row.is_null(14);
  const bool over = !row.is_null(18);
  if (over) {
    info.state = static_cast<JobState>(row.integer(18));
    attempt = row.integer(19);
    info.started_at = row.integer(20);
    info.finished_at = row.integer(21);
  } else if (leased) {
    info.state = JobState::leased;
    info.lease_until = row.integer(14);
    info.cancel_requested = (row.integer(15) & lease_cancel) != 0;
    attempt = row.integer(16);
    info.started_at = row.integer(17);
  } else if (info.state == JobState::blocked) {
    info.waits_for = static_cast<std::uint32_t>(row.integer(12));
  }
  info.attempt = static_cast<std::uint32_t>(attempt);
  info.worker = row.text(22);
  info.progress = row.real(23);
  info.progress_note = row.text(24);
  if (!row.is_null(25)) info.error.emplace(std::string(row.text(25)), std::string(row.text(26)));
  if (!row.is_null(27)) info.headers = unpack_headers(row.text(27));
  if (!bodies) return info;
  if (!row.is_null(13)) {
    info.payload = row.text(13);
  } else if (ResetOnExit guard(body_.with(db_, job)); body_.step()) {
    info.payload = body_.text(0);
  }
  if (info.error) info.attempts = attempts(job);
  if (over) {
    ResetOnExit guard(result_.with(db_, job));
    if (result_.step()) info.result = result_.text(0);
  }
  return info;
}

std::vector<Attempt> Query::attempts(std::int64_t job) {
  std::vector<Attempt> found;
  ResetOnExit guard(attempts_.with(db_, job));
  while (attempts_.step()) {
    Attempt& attempt = found.emplace_back();
    attempt.number = static_cast<std::uint32_t>(attempts_.integer(0));
    attempt.started_at = attempts_.integer(1);
    attempt.ended_at = attempts_.integer(2);
    attempt.worker = attempts_.text(3);
    attempt.error = JobError(std::string(attempts_.text(4)), std::string(attempts_.text(5)));
  }
  return found;
}

std::vector<std::optional<JobInfo>> Query::get(const std::vector<JobId>& ids, bool bodies) {
  Snapshot snapshot(*this);
  std::vector<std::optional<JobInfo>> infos(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::int64_t job = 0;
    {
      ResetOnExit guard(find_id_.with(db_, ids[i]));
      if (!find_id_.step()) continue;
      job = find_id_.integer(0);
    }
    ResetOnExit guard(get_.with(db_, job));
    if (get_.step()) infos[i] = info(get_, bodies);  // no row: a tombstone
  }
  return infos;
}

std::int64_t Query::name_id(const std::string& text) {
  ResetOnExit guard(find_name_.with(db_, text));
  return find_name_.step() ? find_name_.integer(0) : 0;
}

namespace {

/// Numbers of the jobs in a state, from behind ?1 up to ?2 in the order that is meant. Each state has its own
/// place to start from, so that ten dead jobs among a million done ones are found at once.
std::string jobs_in(const std::optional<JobState>& state, bool newest_first) {
  const auto within = [newest_first](const std::string& job) {
    return newest_first ? job + " < ?1 AND " + job + " >= ?2" : job + " > ?1 AND " + job + " <= ?2";
  };
  if (!state) return "SELECT job FROM job WHERE " + within("job");
  switch (*state) {
    case JobState::blocked:
      return "SELECT DISTINCT child AS job FROM dependency WHERE " + within("child") +
             // One that was cancelled and retried waits no more.
             " AND EXISTS (SELECT 1 FROM job w WHERE w.job = child AND w.state = 0)"
             " AND NOT EXISTS (SELECT 1 FROM final WHERE final.job = child)";
    case JobState::scheduled:
      return "SELECT job FROM scheduled WHERE " + within("job");
    case JobState::ready:
      return "SELECT job FROM ready WHERE " + within("job");
    case JobState::leased:
      return "SELECT job FROM lease WHERE " + within("job");
    case JobState::done:
      return "SELECT job FROM final WHERE state = 5 AND " + within("job");
    case JobState::dead:
      return "SELECT job FROM final WHERE state > 5 AND state = 6 AND " + within("job");
    case JobState::cancelled:
      return "SELECT job FROM final WHERE state > 5 AND state = 7 AND " + within("job");
    case JobState::expired:
      return "SELECT job FROM final WHERE state > 5 AND state = 8 AND " + within("job");
    case JobState::throttled:
      break;
  }
  return "SELECT job FROM job WHERE false AND " + within("job");  // no job is there yet
}

}  // namespace

/// In order of creation, which is the order of the numbers, or the other way round.
JobPage Query::list(const JobFilter& filter) {
  Snapshot snapshot(*this);
  JobPage page;
  const std::int64_t queue = filter.queue.empty() ? 0 : name_id(filter.queue);
  const std::int64_t name = filter.name.empty() ? 0 : name_id(filter.name);
  if ((queue == 0 && !filter.queue.empty()) || (name == 0 && !filter.name.empty())) return page;
  const bool all_match = queue == 0 && name == 0;
  const bool newest = filter.newest_first;
  const std::string order = newest ? " DESC" : "";
  const std::int64_t end = newest ? 0 : INT64_MAX;
  const std::int64_t after = filter.after != 0 ? static_cast<std::int64_t>(filter.after) : INT64_MAX - end;

  /// What lies between the cursor and `till`: how many jobs, `looks` at most, and the last of them.
  const std::string from = jobs_in(filter.state, newest);
  const auto look = [&](std::int64_t till) {
    const std::string sql = std::string("SELECT count(*), ") + (newest ? "min" : "max") + "(job) FROM (" +
                            from + " ORDER BY job" + order + " LIMIT ?3)";
    Statement span(sql.c_str());
    span.with(db_, after, till, filter.looks);
    span.step();
    return std::pair(static_cast<std::uint64_t>(span.integer(0)), span.integer(1));
  };
  std::uint64_t looked = 0;
  std::int64_t till = end;
  std::uint32_t limit = filter.limit;
  if (filter.looks != 0 && all_match) limit = std::min(limit, filter.looks);
  if (filter.looks != 0 && !all_match) {
    const auto [count, last] = look(end);
    looked = count;
    if (count == filter.looks) till = last;
  }

  std::string matching = from;
  if (!all_match)
    matching = "SELECT s.job AS job FROM (" + from +
               ") s CROSS JOIN job x ON x.job = s.job WHERE (?3 = 0 OR x.queue = ?3) AND (?4 = 0 OR x.name = "
               "?4)";
  const std::string sql = COTERIE_JOB_COLUMNS " FROM (" + matching + " ORDER BY job" + order +
                          " LIMIT ?5) d" COTERIE_JOB_TABLES " ORDER BY d.job" + order;
  Statement rows(sql.c_str());
  rows.with(db_, after, till, queue, name, static_cast<std::int64_t>(limit) + 1);
  std::uint64_t last = 0;
  while (rows.step()) {
    if (page.jobs.size() == limit) {  // one more than was asked for: there is a next page
      page.next = last;
      break;
    }
    last = static_cast<std::uint64_t>(rows.integer(0));
    page.jobs.push_back(info(rows, filter.bodies));
  }
  page.looked = std::max<std::uint64_t>(looked, page.jobs.size());
  if (page.next == 0 && till != end)
    page.next = static_cast<std::uint64_t>(till);
  else if (page.next != 0 && looked != 0)
    page.looked = look(static_cast<std::int64_t>(last)).first;
  return page;
}

/// What is forgotten last has ended last.
std::vector<JobInfo> Query::recently_ended(std::size_t limit) {
  Snapshot snapshot(*this);
  std::vector<JobInfo> infos;
  ResetOnExit guard(retire_.with(db_));
  while (infos.size() < limit && retire_.step()) {
    Unpacker in(retire_.text(0));
    std::int64_t job = 0;
    while (!in.empty() && infos.size() < limit) {
      ResetOnExit row(get_.with(db_, job += in.signed_number()));
      // It may have been purged, or retried.
      if (get_.step() && !get_.is_null(18)) infos.push_back(info(get_, false));
    }
  }
  std::stable_sort(infos.begin(), infos.end(),
                   [](const JobInfo& a, const JobInfo& b) { return a.finished_at > b.finished_at; });
  return infos;
}

std::vector<QueueInfo> Query::queues() {
  Snapshot snapshot(*this);
  std::vector<QueueInfo> infos;
  std::vector<std::int64_t> ids;
  {
    ResetOnExit guard(counts_.with(db_));
    while (counts_.step()) {
      if (ids.empty() || ids.back() != counts_.integer(0)) {
        ids.push_back(counts_.integer(0));
        infos.emplace_back().name = counts_.text(1);
      }
      infos.back().counts[static_cast<JobState>(counts_.integer(2))] =
          static_cast<std::uint64_t>(counts_.integer(3));
    }
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (const bool suspects : {false, true}) {
      const UnixMillis since = oldest_ready_at(lane_of(ids[i], suspects));
      UnixMillis& oldest = infos[i].oldest_ready_at;
      if (since != 0 && (oldest == 0 || since < oldest)) oldest = since;
    }
  }
  return infos;
}

/// Within a name and a priority the first is the oldest; so one look for each in use.
UnixMillis Query::oldest_ready_at(std::int64_t lane) {
  UnixMillis oldest = 0;
  for (std::int64_t name = next_stream(lane, 0); name != 0; name = next_stream(lane, name)) {
    std::int64_t key = 0;
    for (;;) {
      ResetOnExit guard(ready_from_.with(db_, lane, name, key));
      if (!ready_from_.step()) break;
      const UnixMillis since = ready_from_.integer(1);
      if (oldest == 0 || since < oldest) oldest = since;
      key = ((ready_from_.integer(0) >> 52) + 1) << 52;
    }
  }
  return oldest;
}

/// The first name above `name` that has ready jobs in the lane; 0: none.
std::int64_t Query::next_stream(std::int64_t lane, std::int64_t name) {
  ResetOnExit guard(next_stream_.with(db_, lane, name));
  return next_stream_.step() ? next_stream_.integer(0) : 0;
}

std::optional<std::string> Query::note(const std::string& key) {
  ResetOnExit guard(note_.with(db_, key));
  if (!note_.step()) return std::nullopt;
  return std::string(note_.text(0));
}

std::uint64_t Query::version() {
  ResetOnExit guard(version_.with(db_));
  return version_.step() ? static_cast<std::uint64_t>(version_.integer(0)) : 0;
}

Reader::Reader(Connection db) : query_(std::move(db)) {
  thread_ = std::thread([this] { work(); });
}

Reader::~Reader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  posted_.notify_one();
  thread_.join();
}

void Reader::post(std::function<void(Query&)> question) {
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back(std::move(question));
  }
  posted_.notify_one();
}

void Reader::work() {
  pthread_setname_np(pthread_self(), "coterie-reader");
  std::unique_lock lock(mutex_);
  for (;;) {
    posted_.wait(lock, [this] { return stop_ || !questions_.empty(); });
    if (questions_.empty()) return;
    const auto question = std::move(questions_.front());
    questions_.pop_front();
    lock.unlock();
    question(query_);
    lock.lock();
  }
}

}  // namespace coterie::brokers::sqlite
