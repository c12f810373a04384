// Redaction at a broker: what workers declare, and what jobs look like to who shows them.
#include <algorithm>

#include "src/queue/redaction.hpp"
#include "src/queue/validate.hpp"

namespace coterie::queue {
namespace {

/// Jobs whose arguments are in hand at a time.
constexpr std::size_t at_once = 50;

void hide_headers(JobInfo& job, const Redaction& redaction) {
  for (const auto& [name, value] : job.headers)
    if (redaction.hides(job.name, name)) job.headers[name] = redacted;
}

void hide_in_texts(JobInfo& job, const Secrets& secrets) {
  if (secrets.empty()) return;
  const auto hide_in = [&secrets](JobError& error) {
    error.type = secrets.scrub(error.type);
    error.message = secrets.scrub(error.message);
  };
  job.progress_note = secrets.scrub(job.progress_note);
  if (job.error) hide_in(*job.error);
  for (Attempt& attempt : job.attempts) hide_in(attempt.error);
}

}  // namespace

Task<void> declare(std::shared_ptr<Broker> broker, std::shared_ptr<const Redaction> own) {
  for (;;) {
    const std::optional<std::string> there = co_await broker->get_note(redaction_note);
    Redaction all = Redaction::none();
    if (there) all.add_declaration(*there);
    all.merge(*own);
    std::string text = all.declaration();
    if (there == text) co_return;
    if (text.size() > note_value_bytes)
      throw BadRequest("the names of fields to redact take " + std::to_string(text.size()) +
                       " bytes at the broker, the limit is " + std::to_string(note_value_bytes) +
                       ": name fewer, or hide all of a handler with \"*\"");
    const bool written = co_await broker->put_note(redaction_note, there, std::move(text));
    if (written) co_return;
  }
}

void redact(JobInfo& job, const Redaction& redaction) {
  hide_headers(job, redaction);
  hide_in_texts(job, redaction.secrets(job.name, job.payload));
  job.payload = redaction.apply(job.name, job.payload);
  job.result = redaction.apply(job.name, job.result);
}

Task<std::vector<JobInfo>> redact_rows(std::shared_ptr<Broker> broker, std::vector<JobInfo> jobs,
                                       std::shared_ptr<const Redaction> redaction) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    hide_headers(jobs[i], *redaction);
    if (jobs[i].error || !jobs[i].progress_note.empty()) places.push_back(i);
  }
  for (std::size_t from = 0; from < places.size(); from += at_once) {
    const std::size_t end = std::min(places.size(), from + at_once);
    std::vector<JobId> ids;
    for (std::size_t i = from; i < end; ++i) ids.push_back(jobs[places[i]].id);
    const std::vector<std::optional<JobInfo>> found = co_await broker->get(std::move(ids), true);
    for (std::size_t i = from; i < end; ++i)
      if (const std::optional<JobInfo>& with_args = found.at(i - from))
        hide_in_texts(jobs[places[i]], redaction->secrets(with_args->name, with_args->payload));
  }
  co_return jobs;
}

}  // namespace coterie::queue
