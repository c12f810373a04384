#pragma once
#include <cstdint>
#include <vector>

#include "coterie/queue/job.hpp"

namespace coterie::brokers::redis {

/// What must be looked at before the first job of a batch is written: what any of them waits for, and who
/// waits, for the dependencies of one that exists count no more. Each once.
[[nodiscard]] std::vector<queue::JobId> ids_to_know(const std::vector<queue::JobSpec>& jobs);
/// Whether enqueue knows an id: a job of it `exists`, or has ended. One that was withdrawn is at another
/// broker, and nothing here can wait for it.
enum class Known : std::uint8_t { no, yes, withdrawn };

/// BadRequest where a job waits for one that is not known and does not stand before it. `known`: of `ids`.
void require_dependencies(const std::vector<queue::JobSpec>& jobs, const std::vector<queue::JobId>& ids,
                          const std::vector<Known>& known);

}  // namespace coterie::brokers::redis
