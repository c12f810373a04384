#pragma once
#include <memory>

#include "coterie/queue/broker.hpp"
#include "coterie/queue/redaction.hpp"

namespace coterie::queue {

/// Where workers leave at the broker which fields of their handlers' jobs are not for eyes, so that whoever
/// shows jobs knows it, also when those workers are gone. Names are only ever added.
inline constexpr const char* redaction_note = "coterie.redact";

/// Adds to the note what `own` declares. BadRequest where that is more than a note can hold.
[[nodiscard]] Task<void> declare(std::shared_ptr<Broker> broker, std::shared_ptr<const Redaction> own);

/// A job as it may be shown: arguments, result, headers, and in its error and progress note the values of
/// hidden arguments, where `job` has its arguments.
void redact(JobInfo& job, const Redaction& redaction);

/// The same for jobs that came without their bodies, which stay without: the arguments of those that have an
/// error or a note are looked at.
[[nodiscard]] Task<std::vector<JobInfo>> redact_rows(std::shared_ptr<Broker> broker,
                                                     std::vector<JobInfo> jobs,
                                                     std::shared_ptr<const Redaction> redaction);

}  // namespace coterie::queue
