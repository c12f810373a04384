#include "src/cli/move_plan.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "src/cli/broker_access.hpp"

namespace coterie::cli {
namespace {

using queue::JobId;
using queue::JobState;

/// Leased ones first and last: one that fails while the others are listed is then seen before it did, and one
/// that is given out meanwhile, in a queue that is not moved, after it was.
constexpr std::array looked_at{JobState::leased, JobState::ready, JobState::scheduled, JobState::blocked,
                               JobState::leased};

/// The jobs of a broker and who waits for whom.
class Survey {
 public:
  explicit Survey(std::set<std::string> queues) : queues_(std::move(queues)) {}

  void add(const queue::JobInfo& job, MovePlan& plan) {
    const bool moved = queues_.empty() || queues_.contains(job.queue);
    const bool runs = job.state == JobState::leased;
    has_blocked_ = has_blocked_ || job.state == JobState::blocked;
    const auto [place, is_new] = place_.try_emplace(job.id, nodes_.size());
    if (is_new) nodes_.emplace_back(job.id, job.state, moved, moved && !runs);
    Node& node = nodes_[place->second];
    if (!runs || (!is_new && node.state == JobState::leased)) return;
    node.state = JobState::leased;
    node.goes = false;
    if (!moved) return;
    ++plan.leased;
    if (plan.workers.size() < MovePlan::workers_told) plan.workers.insert(job.worker);
  }
  /// Whether anybody waits for anybody.
  [[nodiscard]] bool has_edges() const noexcept { return has_blocked_; }
  [[nodiscard]] std::vector<JobId> ids() const {
    std::vector<JobId> ids;
    ids.reserve(nodes_.size());
    for (const Node& node : nodes_) ids.push_back(node.id);
    return ids;
  }
  /// What an export says of the job at `at`; nothing: it stays.
  void learn(std::size_t at, const std::optional<queue::JobExport>& job) {
    if (!job) {
      nodes_[at].goes = false;
      return;
    }
    nodes_[at].said_to_wait_for = job->waits_for;
    for (const JobId& id : job->dependents) {
      const auto found = place_.find(id);
      if (found == place_.end()) continue;  // it has ended
      nodes_[at].dependents.push_back(found->second);
      ++nodes_[found->second].waits_for;
      join(at, found->second);
    }
  }
  void finish(MovePlan& plan) {
    std::vector<std::vector<std::size_t>> groups(nodes_.size());
    std::vector<char> stays(nodes_.size(), 0);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      // What it waits for is in no list: it has ended or come since, and the next plan knows.
      if (nodes_[i].waits_for != nodes_[i].said_to_wait_for) nodes_[i].goes = false;
      const std::size_t root = root_of(i);
      groups[root].push_back(i);
      if (!nodes_[i].goes) stays[root] = 1;
    }
    for (std::size_t root = 0; root < groups.size(); ++root) {
      for (const std::size_t i : groups[root]) {
        if (stays[root] == 0)
          ++plan.counts[nodes_[i].state];
        else if (nodes_[i].moved && nodes_[i].state != JobState::leased)
          plan.held.push_back(nodes_[i].id);
      }
      if (stays[root] != 0 || groups[root].empty()) continue;
      if (groups[root].size() == 1)
        plan.singles.push_back(nodes_[root].id);
      else
        plan.groups.push_back(in_order(groups[root], plan));
    }
  }

 private:
  struct Node {
    JobId id;
    JobState state;
    bool moved;  ///< it stands in a queue that is moved
    bool goes;
    std::vector<std::size_t> dependents{};
    std::size_t waits_for = 0;
    std::uint64_t said_to_wait_for = 0;
    std::size_t parent = no_parent;  ///< in the tree of its group
    Node(JobId job, JobState where, bool chosen, bool free)
        : id(job), state(where), moved(chosen), goes(free) {}
  };
  static constexpr std::size_t no_parent = SIZE_MAX;

  std::size_t root_of(std::size_t at) {
    while (nodes_[at].parent != no_parent) {
      const std::size_t up = nodes_[at].parent;
      if (nodes_[up].parent != no_parent) nodes_[at].parent = nodes_[up].parent;
      at = up;
    }
    return at;
  }
  void join(std::size_t one, std::size_t other) {
    const std::size_t first = root_of(one);
    const std::size_t second = root_of(other);
    // The earlier one is the root, so that groups come in the order of their first jobs.
    if (first != second) nodes_[std::max(first, second)].parent = std::min(first, second);
  }
  std::vector<JobId> in_order(const std::vector<std::size_t>& group, MovePlan& plan) {
    std::vector<std::size_t> order;
    order.reserve(group.size());
    for (const std::size_t i : group)
      if (nodes_[i].waits_for == 0) order.push_back(i);
    for (std::size_t next = 0; next < order.size(); ++next) {
      for (const std::size_t dependent : nodes_[order[next]].dependents) {
        plan.after[nodes_[dependent].id].push_back(nodes_[order[next]].id);
        if (--nodes_[dependent].waits_for == 0) order.push_back(dependent);
      }
    }
    std::vector<JobId> ids;
    ids.reserve(order.size());
    for (const std::size_t i : order) ids.push_back(nodes_[i].id);
    return ids;
  }

  std::set<std::string> queues_;
  std::vector<Node> nodes_;
  std::unordered_map<JobId, std::size_t> place_;
  bool has_blocked_ = false;
};

Task<void> learn_edges(queue::Broker& broker, Survey& survey) {
  const std::vector<JobId> ids = survey.ids();
  const std::size_t step = at_most(broker, 1000);
  for (std::size_t from = 0; from < ids.size(); from += step) {
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(from);
    std::vector<JobId> part(begin, begin + static_cast<std::ptrdiff_t>(std::min(step, ids.size() - from)));
    const std::vector<std::optional<queue::JobExport>> jobs = co_await broker.export_jobs(part, false);
    for (std::size_t i = 0; i < jobs.size(); ++i) survey.learn(from + i, jobs[i]);
  }
}

}  // namespace

std::uint64_t MovePlan::jobs() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& entry) { return sum + entry.second; });
}

Task<MovePlan> plan_move(std::shared_ptr<queue::Broker> broker, std::set<std::string> queues) {
  MovePlan plan;
  Survey survey(std::move(queues));
  for (const JobState state : looked_at) {
    queue::JobFilter filter;
    filter.state = state;
    filter.limit = at_most(*broker, 1000);
    do {
      const queue::JobPage page = co_await broker->list(filter);
      for (const queue::JobInfo& job : page.jobs) survey.add(job, plan);
      filter.after = page.next;
    } while (filter.after != 0);
  }
  if (survey.has_edges()) co_await learn_edges(*broker, survey);
  survey.finish(plan);
  co_return plan;
}

}  // namespace coterie::cli
