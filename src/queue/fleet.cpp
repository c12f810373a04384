#include "src/queue/fleet.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <tuple>

#include "coterie/queue/broker.hpp"
#include "src/queue/beat.hpp"

namespace coterie::queue {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* const found = object.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}
template <class Number>
Number number_of(const json::object& object, std::string_view key) {
  const json::value* const found = object.if_contains(key);
  if (found == nullptr || !found->is_number()) return 0;
  boost::system::error_code not_exact;
  return found->to_number<Number>(not_exact);
}
bool flag_of(const json::object& object, std::string_view key) {
  const json::value* const found = object.if_contains(key);
  return found != nullptr && found->is_bool() && found->get_bool();
}

}  // namespace

std::string_view to_string(WorkerState state) noexcept {
  switch (state) {
    case WorkerState::alive:
      return "alive";
    case WorkerState::lost:
      return "lost";
    case WorkerState::ended:
      break;
  }
  return "ended";
}

std::string_view to_string(Asked outcome) noexcept {
  switch (outcome) {
    case Asked::answered:
      return "answered";
    case Asked::cut:
      return "cut";
    case Asked::refused:
      return "refused";
    case Asked::silent:
      return "silent";
    case Asked::lost:
      return "lost";
    case Asked::ended:
      return "ended";
    case Asked::unknown:
      break;
  }
  return "unknown";
}

Milliseconds announce_every(Milliseconds lease, std::uint32_t holds) noexcept {
  const Milliseconds beat = std::max(beats_every(lease), Milliseconds(1000));
  return holds > 0 ? beat : 9 * beat;
}

Milliseconds silent_for(const WorkerReport& report) noexcept {
  return report.every + 2 * announce_every(report.lease, 1) + Milliseconds(1000);
}

std::string write_report(const WorkerReport& report) {
  json::object object;
  object["name"] = report.worker.name;
  object["process"] = report.worker.process;
  object["version"] = report.version;
  json::array& queues = object["queues"].emplace_array();
  for (const std::string& queue : report.queues) queues.emplace_back(queue);
  object["handlers"] = report.handlers;
  object["concurrency"] = report.concurrency;
  object["holds"] = report.holds;
  object["lease_ms"] = report.lease.count();
  object["every_ms"] = report.every.count();
  object["answers"] = report.answers;
  object["ends"] = report.ends;
  return json::serialize(object);
}

WorkerReport read_report(std::string_view text, const Uuid& incarnation) {
  WorkerReport report;
  report.worker.incarnation = incarnation;
  boost::system::error_code broken;
  const json::value document = json::parse(json::string_view(text.data(), text.size()), broken);
  if (broken || !document.is_object()) return report;
  const json::object& object = document.get_object();
  report.worker.name = text_of(object, "name");
  report.worker.process = text_of(object, "process");
  report.version = text_of(object, "version");
  if (const json::value* const queues = object.if_contains("queues"); queues != nullptr && queues->is_array())
    for (const json::value& queue : queues->get_array())
      if (queue.is_string()) report.queues.emplace_back(queue.get_string());
  report.handlers = number_of<std::uint32_t>(object, "handlers");
  report.concurrency = number_of<std::uint32_t>(object, "concurrency");
  report.holds = number_of<std::uint32_t>(object, "holds");
  report.lease = Milliseconds(number_of<std::int64_t>(object, "lease_ms"));
  report.every = Milliseconds(number_of<std::int64_t>(object, "every_ms"));
  report.answers = flag_of(object, "answers");
  report.ends = flag_of(object, "ends");
  return report;
}

WorkerState state_of(const WorkerReport& report, UnixMillis heard_at, UnixMillis now) {
  if (report.ends) return WorkerState::ended;
  if (now - heard_at > silent_for(report).count()) return WorkerState::lost;
  return may_be_alive(report.worker.process) ? WorkerState::alive : WorkerState::lost;
}

std::optional<WorkerAnswer> not_to_be_asked(const WorkerReport& report, WorkerState state,
                                            std::size_t waiting) {
  if (state == WorkerState::ended) return WorkerAnswer(Asked::ended);
  if (state == WorkerState::lost) return WorkerAnswer(Asked::lost);
  if (!report.answers)
    return WorkerAnswer(Asked::refused, "it answers no questions: it was started with --no-remote-debug");
  if (waiting >= most_questions)
    return WorkerAnswer(Asked::refused, std::to_string(waiting) + " questions wait for it already");
  return std::nullopt;
}

Fleet make_fleet(std::vector<WorkerInfo> workers, UnixMillis now, bool more) {
  Fleet fleet;
  for (WorkerInfo& worker : workers) {
    worker.state = state_of(worker.report, worker.heard_at, now);
    if (worker.state != WorkerState::alive && now - worker.heard_at > gone_known_for.count()) continue;
    fleet.workers.push_back(std::move(worker));
  }
  const auto key = [](const WorkerInfo& worker) {
    return std::tuple(worker.state != WorkerState::alive, -worker.heard_at, worker.report.worker.incarnation);
  };
  std::ranges::sort(fleet.workers, {}, key);
  fleet.more = more || fleet.workers.size() > most_workers;
  if (fleet.workers.size() > most_workers) fleet.workers.resize(most_workers);
  return fleet;
}

}  // namespace coterie::queue
