#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/brokers/sqlite/schema.hpp"

namespace coterie::brokers::sqlite {

/// Reads the tables for people and clients. One thread; each call sees one state of the database, and neither
/// waits for the writer nor makes it wait.
class Query {
 public:
  explicit Query(Connection db);

  std::vector<std::optional<JobInfo>> get(const std::vector<JobId>& ids, bool bodies);
  JobPage list(const JobFilter& filter);
  std::vector<JobInfo> recently_ended(std::size_t limit);
  std::vector<QueueInfo> queues();
  std::vector<std::string> paused();
  JobLinks links(const JobId& id, std::size_t most);
  std::vector<std::optional<JobExport>> export_jobs(const std::vector<JobId>& ids, bool payloads);
  std::optional<std::string> note(const std::string& key);
  std::uint64_t version();
  /// See Engine::rung.
  std::uint64_t rung();
  std::vector<Question> questions(const Uuid& worker);
  std::optional<WorkerAnswer> answer_to(const Uuid& question);

 private:
  /// A read transaction: everything inside sees the same state.
  class Snapshot {
   public:
    explicit Snapshot(Query& query);
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    ~Snapshot();

   private:
    Query& query_;
  };
  JobExport export_job(Statement& row, bool payloads);
  JobInfo info(Statement& row, bool bodies);
  std::vector<Attempt> attempts(std::int64_t job);
  std::int64_t name_id(const std::string& text);
  UnixMillis oldest_ready_at(std::int64_t lane);
  std::int64_t next_stream(std::int64_t lane, std::int64_t name);

  Connection db_;
  Statement begin_{"BEGIN"};
  Statement end_{"ROLLBACK"};
  Statement find_id_{"SELECT job FROM id WHERE id = ?"};
  Statement find_name_{"SELECT id FROM name WHERE text = ?"};
  Statement note_{"SELECT value FROM note WHERE key = ?"};
  Statement version_{"SELECT version FROM meta"};
  Statement rung_{"SELECT rung FROM bell"};
  Statement questions_{
      "SELECT id, text FROM question WHERE worker = ? AND outcome IS NULL ORDER BY rowid LIMIT 16"};
  Statement answer_{"SELECT outcome, answer FROM question WHERE id = ?"};
  Statement body_{"SELECT payload FROM body WHERE job = ?"};
  Statement attempts_{
      "SELECT number, started_at, ended_at, worker, type, message FROM attempt WHERE job = ? ORDER BY place"};
  Statement result_{"SELECT result FROM final WHERE job = ?"};
  Statement export_{
      "SELECT j.job, j.id, q.text, h.text, EXISTS(SELECT 1 FROM lease l WHERE l.job = j.job), j.state, "
      "j.priority,"
      " j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.timeout, j.result_ttl, j.run_at, j.expires_at,"
      " j.backoff, j.payload, j.waits, j.headers FROM id i JOIN job j ON j.job = i.job LEFT JOIN name q ON "
      "q.id = "
      "j.queue"
      " LEFT JOIN name h ON h.id = j.name"
      " WHERE i.id = ?1 AND NOT EXISTS(SELECT 1 FROM final f WHERE f.job = j.job)"};
  Statement children_{"SELECT j.id FROM dependency d JOIN job j ON j.job = d.child WHERE d.parent = ?"};
  Statement some_children_{
      "SELECT j.id FROM dependency d JOIN job j ON j.job = d.child WHERE d.parent = ?1"
      " AND NOT EXISTS(SELECT 1 FROM final f WHERE f.job = d.child) ORDER BY d.child LIMIT ?2"};
  Statement count_children_{
      "SELECT COUNT(*) FROM dependency d WHERE d.parent = ?"
      " AND NOT EXISTS(SELECT 1 FROM final f WHERE f.job = d.child)"};
  // There is no index by child: it would cost every enqueue, and this is read, from the nearest one on, only
  // for who looks at a job.
  Statement parents_{
      "SELECT j.id FROM dependency d JOIN job j ON j.job = d.parent WHERE d.parent < ?1 AND d.child = ?1"
      " ORDER BY d.parent DESC LIMIT ?2"};
  Statement counts_{
      "SELECT n.id, n.text, c.state, c.jobs FROM counts c JOIN name n ON n.id = c.queue WHERE c.jobs <> 0"
      " ORDER BY n.text, c.state"};
  Statement next_stream_{"SELECT name FROM ready WHERE lane = ? AND name > ? ORDER BY name LIMIT 1"};
  Statement ready_from_{
      "SELECT r.key, j.run_at FROM ready r CROSS JOIN job j ON j.job = r.job WHERE r.lane = ? AND r.name = ? "
      "AND r.key >= ?"
      " ORDER BY r.key LIMIT 1"};
  Statement retire_{"SELECT jobs FROM retire ORDER BY at DESC, seq DESC"};
  Statement get_;
};

/// The thread that runs queries, in the order in which they were asked.
class Reader {
 public:
  explicit Reader(Connection db);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  /// Answers what was asked.
  ~Reader();

  /// Any thread. `question` must not throw.
  void post(std::function<void(Query&)> question);

 private:
  void work();

  Query query_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void(Query&)>> questions_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace coterie::brokers::sqlite
