#pragma once
#include <deque>

#include "src/brokers/sqlite/statement.hpp"

namespace coterie::brokers::sqlite {

/// Everything the writer says to SQLite, prepared once.
struct Statements {
  Statement begin{"BEGIN IMMEDIATE"};
  Statement commit{"COMMIT"};
  Statement rollback{"ROLLBACK"};
  Statement data_version{"PRAGMA data_version"};
  Statement read_meta{"SELECT version, clock, token, next FROM meta"};
  Statement write_meta{"UPDATE meta SET version = ?, clock = ?, token = ?, next = ?"};

  Statement find_name{"SELECT id FROM name WHERE text = ?"};
  Statement find_text{"SELECT text FROM name WHERE id = ?"};
  Statement add_name{"INSERT INTO name(text) VALUES(?)"};

  Statement find_id{"SELECT job FROM id WHERE id = ?"};
  Statement add_id{"INSERT OR IGNORE INTO id(id, job) VALUES(?, ?)"};
  /// Not that of a job that came back.
  Statement drop_id{"DELETE FROM id WHERE id = ? AND NOT EXISTS(SELECT 1 FROM job WHERE job.job = id.job)"};
  Statement mark_withdrawn{"UPDATE id SET job = -job WHERE id = ?"};
  Statement drop_withdrawn{"DELETE FROM id WHERE id = ? AND job < 0"};

  Statement add_job{
      "INSERT INTO job VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, 0, 0, ?9, ?10, ?11, ?12, ?13, 0, ?14, ?15, "
      "0, 0, 0,"
      " ?16, ?17, 0, ?18)"};
  Statement add_body{"INSERT INTO body VALUES(?, ?)"};
  Statement find_body{"SELECT payload FROM body WHERE job = ?"};
  Statement find_job{
      "SELECT id, queue, state, priority, key, attempt, max_attempts, crashes, alone_crashes, max_crashes,"
      " result_ttl, run_at, started_at, expires_at, waits, token, owner, decision, backoff, name, lost"
      " FROM job WHERE job = ?"};
  Statement update_job{
      "UPDATE job SET state = ?2, key = ?3, attempt = ?4, crashes = ?5, alone_crashes = ?6, run_at = ?7,"
      " started_at = ?8, expires_at = ?9, waits = ?10, token = ?11, owner = ?12, decision = ?13,"
      " lost = ?14 WHERE job = ?1"};
  Statement update_waits{"UPDATE job SET waits = ?2 WHERE job = ?1"};
  Statement drop_job{"DELETE FROM job WHERE job = ?"};
  Statement drop_body{"DELETE FROM body WHERE job = ?"};

  Statement add_ready{"INSERT INTO ready VALUES(?, ?, ?, ?)"};
  Statement drop_ready{"DELETE FROM ready WHERE lane = ? AND name = ? AND key = ?"};
  Statement drop_ready_up_to{"DELETE FROM ready WHERE lane = ? AND name = ? AND key <= ?"};
  Statement next_stream{"SELECT name FROM ready WHERE lane = ? AND name > ? ORDER BY name LIMIT 1"};
  Statement count_lane{"SELECT count(*) FROM ready WHERE lane = ?"};
  Statement count_stream{"SELECT count(*) FROM ready WHERE lane = ? AND name = ?"};
  /// One for each stream that is read at the same time.
  static constexpr const char* take_sql =
      "SELECT r.key, r.job, j.id, j.name, j.priority, j.attempt, j.max_attempts, j.timeout, j.result_ttl,"
      " j.created_at, j.expires_at, j.payload, j.crashes, j.lost, j.run_at, j.headers"
      " FROM ready r CROSS JOIN job j ON j.job = r.job WHERE r.lane = ? AND r.name = ? ORDER BY r.key LIMIT "
      "?";
  std::deque<Statement> take;
  Statement reread{
      "SELECT id, queue, name, priority, max_attempts, timeout, created_at, payload, lost, run_at, headers "
      "FROM job "
      "WHERE job "
      "= ?"};

  Statement add_scheduled{"INSERT INTO scheduled VALUES(?, ?)"};
  Statement drop_scheduled{"DELETE FROM scheduled WHERE run_at = ? AND job = ?"};
  Statement due{"SELECT run_at, job FROM scheduled WHERE run_at <= ? ORDER BY run_at, job LIMIT ?"};
  Statement next_due{"SELECT min(run_at) FROM scheduled"};
  Statement next_expiry{"SELECT min(expires_at) FROM expiring"};
  Statement add_expiring{"INSERT OR IGNORE INTO expiring VALUES(?, ?)"};
  Statement drop_expiring{"DELETE FROM expiring WHERE expires_at = ? AND job = ?"};
  Statement expired{
      "SELECT expires_at, job FROM expiring WHERE expires_at <= ? ORDER BY expires_at, job LIMIT ?"};

  Statement add_lease{"INSERT INTO lease VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
  Statement find_lease{
      "SELECT id, token, owner, until, flags, queue, attempt, started_at, result_ttl FROM lease WHERE job = "
      "?"};
  Statement drop_lease{"DELETE FROM lease WHERE job = ?"};
  Statement extend{"UPDATE lease SET until = ?2, flags = ?3 WHERE job = ?1"};
  Statement extend_all{"UPDATE lease SET until = until + ?"};
  Statement flag_lease{"UPDATE lease SET flags = ?2 WHERE job = ?1"};
  Statement min_until{"SELECT min(until) FROM lease"};
  Statement over{"SELECT job FROM lease WHERE until <= ? LIMIT ?"};
  Statement holders{
      "SELECT id, process FROM worker WHERE id IN (SELECT DISTINCT owner FROM lease) AND process <> ''"};
  Statement held_by{"SELECT job FROM lease WHERE owner = ? LIMIT ?"};

  Statement add_final{"INSERT INTO final VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
  Statement find_final{
      "SELECT state, token, owner, decision, finished_at, result_ttl, attempt, started_at FROM final WHERE "
      "job = ?"};
  Statement drop_final{"DELETE FROM final WHERE job = ?"};
  Statement put_failure{"INSERT OR REPLACE INTO failure VALUES(?, ?, ?)"};
  Statement drop_failure{"DELETE FROM failure WHERE job = ?"};
  Statement add_attempt{
      "INSERT INTO attempt VALUES(?1, (SELECT coalesce(max(place), 0) + 1 FROM attempt WHERE job = ?1),"
      " ?2, ?3, ?4, ?5, ?6, ?7)"};
  Statement drop_old_attempts{
      "DELETE FROM attempt WHERE job = ?1 AND place <= (SELECT max(place) FROM attempt WHERE job = ?1) - ?2"};
  Statement drop_attempts{"DELETE FROM attempt WHERE job = ?"};
  Statement next_attempted{
      "SELECT job, EXISTS(SELECT 1 FROM job j WHERE j.job = a.job) FROM attempt a WHERE job > ? ORDER BY job "
      "LIMIT 1"};
  Statement put_progress{"INSERT OR REPLACE INTO progress VALUES(?, ?, ?)"};
  Statement drop_progress{"DELETE FROM progress WHERE job = ?"};

  Statement any_dependency{"SELECT EXISTS(SELECT 1 FROM dependency)"};
  Statement add_dependency{"INSERT OR IGNORE INTO dependency VALUES(?, ?)"};
  Statement children{"SELECT child FROM dependency WHERE parent = ?"};
  Statement waiting_child{
      "SELECT 1 FROM dependency d JOIN job j ON j.job = d.child WHERE d.parent = ? AND j.waits > 0"
      " AND NOT EXISTS(SELECT 1 FROM final f WHERE f.job = d.child) LIMIT 1"};
  Statement drop_children{"DELETE FROM dependency WHERE parent = ?"};

  Statement count{
      "INSERT INTO counts VALUES(?1, ?2, ?3) ON CONFLICT(queue, state) DO UPDATE SET jobs = jobs + "
      "excluded.jobs"};

  Statement find_worker{"SELECT id, seq FROM worker WHERE incarnation = ?"};
  Statement find_worker_name{"SELECT name FROM worker WHERE id = ?"};
  Statement find_reply{"SELECT reply FROM worker WHERE id = ?"};
  Statement add_worker{"INSERT INTO worker(incarnation, name, process, seq, seen_at) VALUES(?, ?, ?, 0, ?)"};
  Statement put_reply{"UPDATE worker SET seq = ?2, seen_at = ?3, reply = ?4 WHERE id = ?1"};
  Statement old_workers{
      "DELETE FROM worker WHERE id IN (SELECT id FROM worker WHERE seen_at < ? AND id NOT IN (SELECT owner "
      "FROM lease)"
      " LIMIT ?)"};

  Statement add_retire{"INSERT INTO retire VALUES(?, ?, ?)"};
  Statement next_retire{"SELECT at, seq, jobs FROM retire ORDER BY at, seq LIMIT 1"};
  Statement drop_retire{"DELETE FROM retire WHERE at = ? AND seq = ?"};
  Statement add_tomb{"INSERT INTO tomb VALUES(?, ?, ?)"};
  Statement next_tomb{"SELECT at, seq, ids FROM tomb ORDER BY at, seq LIMIT 1"};
  Statement shift_retire{"UPDATE retire SET at = at + ?"};
  Statement shift_tombs{"UPDATE tomb SET at = at + ?"};
  Statement drop_tomb{"DELETE FROM tomb WHERE at = ? AND seq = ?"};

  Statement find_note{"SELECT value FROM note WHERE key = ?"};
  Statement put_note{"INSERT OR REPLACE INTO note VALUES(?, ?)"};

  Statement ring{"UPDATE bell SET rung = rung + 1 RETURNING rung"};
  Statement announce{
      "INSERT INTO member VALUES(?1, ?2, ?3, ?3) ON CONFLICT(worker) DO UPDATE SET report = excluded.report, "
      "heard_at = excluded.heard_at"};
  Statement members{
      "SELECT worker, report, started_at, heard_at FROM member ORDER BY heard_at DESC, worker LIMIT ?"};
  Statement find_member{"SELECT report, heard_at FROM member WHERE worker = ?"};
  Statement drop_old_members{"DELETE FROM member WHERE heard_at < ?"};
  Statement add_question{"INSERT INTO question VALUES(?1, ?2, ?3, ?4, NULL, NULL)"};
  Statement count_questions{"SELECT count(*) FROM question WHERE worker = ? AND outcome IS NULL"};
  Statement answer_question{
      "UPDATE question SET outcome = ?3, answer = ?4 WHERE id = ?1 AND worker = ?2 AND outcome IS NULL"};
  Statement drop_question{"DELETE FROM question WHERE id = ?"};
  Statement drop_old_questions{"DELETE FROM question WHERE until < ?"};
};

}  // namespace coterie::brokers::sqlite
