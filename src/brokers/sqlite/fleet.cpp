// Who works here, and what is asked of them. These rows are none of the jobs': a file without them is given
// them, and an older coterie leaves them alone.
#include "src/queue/fleet.hpp"

#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/query.hpp"

namespace coterie::brokers::sqlite {

void Engine::ring() {
  Statement& bell = sql_.ring.with(db_);
  ResetOnExit guard(bell);
  if (bell.step()) rung_ = static_cast<std::uint64_t>(bell.integer(0));
}

void Engine::announce(const WorkerReport& report) {
  sql_.drop_old_members.with(db_, now_ - 2 * gone_known_for.count()).run();
  sql_.drop_old_questions.with(db_, now_).run();
  const std::string text = write_report(report);
  sql_.announce.with(db_, report.worker.incarnation, text, now_).run();
}

Fleet Engine::workers() {
  std::vector<WorkerInfo> found;
  Statement& row = sql_.members.with(db_, static_cast<std::int64_t>(most_workers) + 1);
  ResetOnExit guard(row);
  while (row.step()) {
    WorkerInfo& info = found.emplace_back();
    info.report = read_report(row.text(1), row.uuid(0));
    info.started_at = row.integer(2);
    info.heard_at = row.integer(3);
  }
  const bool more = found.size() > most_workers;
  return make_fleet(std::move(found), now_, more);
}

std::optional<WorkerAnswer> Engine::ask(const Uuid& worker, const Question& question, Milliseconds at_most) {
  sql_.drop_old_questions.with(db_, now_).run();
  WorkerInfo info;
  {
    Statement& row = sql_.find_member.with(db_, worker);
    ResetOnExit guard(row);
    if (!row.step()) return WorkerAnswer(Asked::unknown);
    info.report = read_report(row.text(0), worker);
    info.heard_at = row.integer(1);
  }
  std::int64_t waiting = 0;
  {
    Statement& row = sql_.count_questions.with(db_, worker);
    ResetOnExit guard(row);
    if (row.step()) waiting = row.integer(0);
  }
  if (std::optional<WorkerAnswer> none = not_to_be_asked(
          info.report, state_of(info.report, info.heard_at, now_), static_cast<std::size_t>(waiting)))
    return none;
  sql_.add_question.with(db_, question.id, worker, now_ + at_most.count(), question.text).run();
  ring();
  return std::nullopt;
}

void Engine::answer(const Uuid& worker, const Uuid& question, const WorkerAnswer& answer) {
  const std::int64_t before = sqlite3_total_changes64(db_);
  sql_.answer_question.with(db_, question, worker, static_cast<std::int64_t>(answer.outcome), answer.text)
      .run();
  if (sqlite3_total_changes64(db_) != before) ring();
}

void Engine::withdraw_question(const Uuid& question) {
  sql_.drop_question.with(db_, question).run();
}

std::uint64_t Query::rung() {
  Statement& bell = rung_.with(db_);
  ResetOnExit guard(bell);
  return bell.step() ? static_cast<std::uint64_t>(bell.integer(0)) : 0;
}

std::vector<Question> Query::questions(const Uuid& worker) {
  std::vector<Question> found;
  Statement& row = questions_.with(db_, worker);
  ResetOnExit guard(row);
  while (row.step()) found.emplace_back(row.uuid(0), std::string(row.text(1)));
  return found;
}

std::optional<WorkerAnswer> Query::answer_to(const Uuid& question) {
  Statement& row = answer_.with(db_, question);
  ResetOnExit guard(row);
  if (!row.step() || row.is_null(0)) return std::nullopt;
  return WorkerAnswer(static_cast<Asked>(row.integer(0)), std::string(row.text(1)));
}

}  // namespace coterie::brokers::sqlite
