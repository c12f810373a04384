// Redaction at a broker: what workers declare, and what jobs look like to who shows them.
#include <algorithm>

#include "src/queue/redaction.hpp"
#include "src/queue/validate.hpp"

namespace coterie::queue {
namespace {

/// Jobs whose arguments are in hand at a time.
constexpr std::size_t at_once = 50;

/// Adds what they said to `secrets`: an error may repeat that as well.
void hide_headers(JobInfo& job, const Redaction& redaction, Secrets& secrets) {
  for (const auto& [name, value] : job.headers) {
    if (!redaction.hides(job.name, name)) continue;
    secrets.add(value);
    // "Bearer …": what is said behind the scheme.
    if (const std::size_t blank = value.find(' '); blank != std::string::npos)
      secrets.add(value.substr(blank + 1));
    job.headers[name] = redacted;
  }
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

/// Of one that is forgotten since: nobody knows what its texts repeat.
void hide_texts(JobInfo& job) {
  if (!job.progress_note.empty()) job.progress_note = redacted;
  if (job.error) job.error->type = job.error->message = redacted;
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
  Secrets secrets = redaction.secrets(job.name, job.payload);
  hide_headers(job, redaction, secrets);
  hide_in_texts(job, secrets);
  job.payload = redaction.apply(job.name, job.payload);
  job.result = redaction.apply(job.name, job.result);
}

Task<std::vector<JobInfo>> redact_rows(std::shared_ptr<Broker> broker, std::vector<JobInfo> jobs,
                                       std::shared_ptr<const Redaction> redaction) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].error || !jobs[i].progress_note.empty()) {
      places.push_back(i);
    } else {
      Secrets unused;
      hide_headers(jobs[i], *redaction, unused);
    }
  }
  for (std::size_t from = 0; from < places.size(); from += at_once) {
    const std::size_t end = std::min(places.size(), from + at_once);
    std::vector<JobId> ids;
    for (std::size_t i = from; i < end; ++i) ids.push_back(jobs[places[i]].id);
    const std::vector<std::optional<JobInfo>> found = co_await broker->get(std::move(ids), true);
    for (std::size_t i = from; i < end; ++i) {
      JobInfo& job = jobs[places[i]];
      const std::optional<JobInfo>& with_args = found.at(i - from);
      Secrets secrets = with_args ? redaction->secrets(with_args->name, with_args->payload) : Secrets();
      hide_headers(job, *redaction, secrets);
      if (with_args)
        hide_in_texts(job, secrets);
      else
        hide_texts(job);
    }
  }
  co_return jobs;
}

}  // namespace coterie::queue
