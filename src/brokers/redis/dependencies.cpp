#include "src/brokers/redis/dependencies.hpp"

#include <unordered_set>

#include "src/queue/validate.hpp"

namespace coterie::brokers::redis {

std::vector<queue::JobId> ids_to_know(const std::vector<queue::JobSpec>& jobs) {
  std::unordered_set<queue::JobId> ids;
  for (const queue::JobSpec& job : jobs) {
    if (job.after.empty()) continue;
    ids.insert(job.id);
    ids.insert(job.after.begin(), job.after.end());
  }
  return {ids.begin(), ids.end()};
}

void require_dependencies(const std::vector<queue::JobSpec>& jobs, const std::vector<queue::JobId>& ids,
                          const std::vector<Known>& known) {
  std::unordered_set<queue::JobId> exist;
  std::unordered_set<queue::JobId> can_be_awaited;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (known.at(i) != Known::no) exist.insert(ids[i]);
    if (known.at(i) == Known::yes) can_be_awaited.insert(ids[i]);
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (exist.contains(jobs[i].id)) continue;
    for (const queue::JobId& id : jobs[i].after)
      if (!can_be_awaited.contains(id)) queue::refuse_unknown_dependency(i, jobs[i], id);
    exist.insert(jobs[i].id);
    can_be_awaited.insert(jobs[i].id);
  }
}

}  // namespace coterie::brokers::redis
