#pragma once
#include <gtest/gtest.h>

#include <string>

#include "src/brokers/sqlite/schema.hpp"

namespace broker_suite {

/// What must hold in the file between any two transactions, looked at from outside: every job is in exactly
/// one place, the counts are exact, and SQLite finds no fault. The broker may be open or closed.
inline void check_sqlite_invariants(const std::string& path) {
  coterie::brokers::sqlite::Connection db(path, SQLITE_OPEN_READWRITE, nullptr);
  struct Rule {
    const char* what;
    const char* violations;
  };
  static constexpr Rule rules[] = {
      {"a job is leased and final", "SELECT count(*) FROM lease JOIN final USING(job)"},
      {"a lease without a job", "SELECT count(*) FROM lease WHERE job NOT IN (SELECT job FROM job)"},
      {"a final row without a job", "SELECT count(*) FROM final WHERE job NOT IN (SELECT job FROM job)"},
      {"a job whose id is not known",
       "SELECT count(*) FROM job LEFT JOIN id ON id.id = job.id WHERE id.job IS NOT job.job"},
      {"a ready row that is no ready job's",
       "SELECT count(*) FROM ready r LEFT JOIN job j ON j.job = r.job WHERE j.job IS NULL OR j.state <> 2"
       " OR r.key <> j.key OR r.lane / 2 <> j.queue OR r.name <> j.name OR r.job IN (SELECT job FROM lease) "
       "OR r.job IN (SELECT "
       "job FROM final)"},
      {"a scheduled row that is no scheduled job's",
       "SELECT count(*) FROM scheduled s LEFT JOIN job j ON j.job = s.job WHERE j.job IS NULL OR j.state <> 1"
       " OR s.run_at <> j.run_at OR s.job IN (SELECT job FROM lease) OR s.job IN (SELECT job FROM final)"},
      {"a waiting job that stands nowhere",
       "SELECT count(*) FROM job j WHERE j.job NOT IN (SELECT job FROM lease) AND j.job NOT IN (SELECT job "
       "FROM final)"
       " AND CASE j.state WHEN 2 THEN j.job NOT IN (SELECT job FROM ready)"
       " WHEN 1 THEN j.job NOT IN (SELECT job FROM scheduled)"
       " WHEN 0 THEN j.waits <> (SELECT count(*) FROM dependency WHERE child = j.job) ELSE 1 END"},
      {"an expiry of a job that waits no more",
       "SELECT count(*) FROM expiring e LEFT JOIN job j ON j.job = e.job WHERE j.job IS NULL OR j.expires_at "
       "<> e.expires_at"
       " OR e.job IN (SELECT job FROM lease) OR e.job IN (SELECT job FROM final)"},
      {"a count that is wrong",
       "SELECT count(*) FROM (SELECT queue, state, sum(n) AS n FROM (SELECT queue, state, jobs AS n FROM "
       "counts"
       " UNION ALL SELECT j.queue, coalesce(f.state, CASE WHEN l.job IS NOT NULL THEN 4 ELSE j.state END), "
       "-1 FROM job j"
       " LEFT JOIN lease l ON l.job = j.job LEFT JOIN final f ON f.job = j.job) GROUP BY queue, state) WHERE "
       "n <> 0"},
      {"an attempt of a job that has not failed",
       "SELECT count(*) FROM attempt WHERE job NOT IN (SELECT failure.job FROM failure JOIN job USING(job))"},
      {"a payload without a job", "SELECT count(*) FROM body WHERE job NOT IN (SELECT job FROM job)"},
      {"a number used beyond the counter", "SELECT count(*) FROM job, meta WHERE job.job >= meta.next"},
      {"a token beyond the counter", "SELECT count(*) FROM lease, meta WHERE lease.token > meta.token"},
  };
  for (const Rule& rule : rules) EXPECT_EQ(db.integer(rule.violations), 0) << path << ": " << rule.what;
  coterie::brokers::sqlite::Statement check("PRAGMA integrity_check");
  check.with(db);
  if (check.step()) {
    EXPECT_EQ(check.text(0), "ok");
  }
}

}  // namespace broker_suite
