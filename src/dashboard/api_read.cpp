// What can be looked at.
#include <algorithm>
#include <charconv>

#include "coterie/queue/metrics.hpp"
#include "src/core/json_writer.hpp"
#include "src/dashboard/bulk.hpp"
#include "src/dashboard/openapi.hpp"
#include "src/dashboard/search.hpp"
#include "src/dashboard/service.hpp"
#include "src/dashboard/views.hpp"
#include "src/queue/redaction.hpp"

namespace coterie::dashboard {
namespace {

constexpr std::uint32_t usual_page = 50;
constexpr std::uint32_t largest_page = 200;

/// A number of the query; `otherwise` where it is not given.
std::uint64_t number(const http::Request& request, std::string_view key, std::uint64_t otherwise,
                     std::uint64_t least, std::uint64_t most) {
  const std::string_view text = request.parameter(key);
  if (text.empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    throw ApiError(ErrorCode::bad_parameter, std::string(key) + " is a number from " + std::to_string(least) +
                                                 " to " + std::to_string(most));
  return value;
}

bool newest_first(const http::Request& request) {
  const std::string_view order = request.parameter("order");
  if (!order.empty() && order != "newest" && order != "oldest")
    throw ApiError(ErrorCode::bad_parameter, "order is oldest or newest");
  return order == "newest";
}

/// As a string: 64 bits are more than a number of JavaScript has.
void add_cursor(JsonObject& object, std::uint64_t next) {
  if (next == 0)
    object.null("next");
  else
    object.add("next", std::to_string(next));
}

queue::JobId id_of(const Call& call) {
  const std::optional<queue::JobId> id = queue::parse_uuid(call.parts.at(0));
  if (!id) throw ApiError(ErrorCode::bad_id, "'" + call.parts.at(0) + "' is no job's id");
  return *id;
}

Task<queue::JobInfo> find_job(std::shared_ptr<queue::Broker> broker, queue::JobId id) {
  std::vector<queue::JobId> ids{id};
  std::vector<std::optional<queue::JobInfo>> found = co_await broker->get(std::move(ids), true);
  if (!found.at(0))
    throw ApiError(ErrorCode::no_such_job, "no job " + id.str() + ": it never was, or its record is gone");
  co_return *std::move(found[0]);
}

}  // namespace

Task<http::Response> Service::overview(Call) {
  if (monitor_.is_away()) throw queue::BrokerUnavailable(monitor_.problem());
  co_return json_response(monitor_.overview());
}

Task<http::Response> Service::history(Call call) {
  const std::string_view range = call.request.parameter("range");
  const std::string_view queue = call.request.parameter("queue");
  const History* const history = monitor_.history(queue);
  if (history == nullptr)
    throw ApiError(ErrorCode::no_history, "there is no queue '" + std::string(queue) +
                                              "', or no history is kept of it: one is of " +
                                              std::to_string(Monitor::most_queues) + " queues");
  std::optional<std::string> points = history->json(range.empty() ? "5m" : range, wall_clock());
  if (!points) throw ApiError(ErrorCode::bad_parameter, "range is 5m, 1h, 24h or 30d");
  co_return json_response(*std::move(points));
}

Task<http::Response> Service::jobs(Call call) {
  const std::shared_ptr<const queue::Redaction> redaction = co_await redactions_.now();
  Filter filter = Filter::parse(call.request.parameter("filter"), redaction);
  Part part;
  part.newest_first = newest_first(call.request);
  part.after = number(call.request, "after", 0, 0, INT64_MAX);
  part.limit = static_cast<std::uint32_t>(number(call.request, "limit", usual_page, 1, largest_page));
  Task<Found> searching = search(broker_, std::move(filter), part);
  Found found = co_await std::move(searching);
  Task<std::vector<queue::JobInfo>> redacting = queue::redact_rows(broker_, std::move(found.jobs), redaction);
  const std::vector<queue::JobInfo> shown = co_await std::move(redacting);
  JsonArray rows;
  for (const queue::JobInfo& job : shown) rows.raw(job_row(job));
  JsonObject object;
  object.raw("jobs", rows.str());
  add_cursor(object, found.next);
  object.add("scanned", found.scanned).add("bounded", found.bounded);
  co_return json_response(object.str());
}

Task<http::Response> Service::count_jobs(Call call) {
  const std::shared_ptr<const queue::Redaction> redaction = co_await redactions_.now();
  Filter filter = Filter::parse(call.request.parameter("filter"), redaction);
  const std::uint64_t after = number(call.request, "after", 0, 0, INT64_MAX);
  // Before they are counted: what comes meanwhile may be counted and is not meant, never the other way round.
  std::optional<queue::UnixMillis> counted_at;
  if (after == 0) {
    Task<queue::UnixMillis> looking = newest_at(broker_);
    counted_at = co_await std::move(looking);
  }
  Task<Count> counting = count(broker_, std::move(filter), after);
  const Count total = co_await std::move(counting);
  JsonObject object;
  object.add("count", total.jobs).add("bounded", total.next != 0);
  if (counted_at) object.add("counted_at_ms", *counted_at);
  add_cursor(object, total.next);
  co_return json_response(object.str());
}

Task<http::Response> Service::job(Call call) {
  const queue::JobId id = id_of(call);
  Task<queue::JobInfo> finding = find_job(broker_, id);
  queue::JobInfo info = co_await std::move(finding);
  const std::shared_ptr<const queue::Redaction> redaction = co_await redactions_.now();
  queue::redact(info, *redaction);
  queue::JobLinks links;
  if (!is_final(info.state)) links = co_await broker_->links(id, most_links);
  std::vector<queue::JobId> ids(links.waits_for);
  ids.insert(ids.end(), links.dependents.begin(), links.dependents.end());
  std::vector<std::optional<queue::JobInfo>> linked;
  if (!ids.empty()) linked = co_await broker_->get(std::move(ids), false);
  co_return json_response(job_detail(info, links, linked));
}

Task<http::Response> Service::body(Call call, bool result) {
  Task<queue::JobInfo> finding = find_job(broker_, id_of(call));
  queue::JobInfo info = co_await std::move(finding);
  const std::shared_ptr<const queue::Redaction> redaction = co_await redactions_.now();
  queue::redact(info, *redaction);
  if (result && info.result.empty())
    throw ApiError(ErrorCode::no_result, "this job has no result, or not any more");
  // A download, never a page: a job may hold any text.
  http::Response response(200, "application/octet-stream", std::move(result ? info.result : info.payload));
  response.headers.set("Content-Disposition", std::string("attachment; filename=\"") + info.id.str() +
                                                  (result ? "-result.json\"" : "-args.json\""));
  co_return response;
}

Task<http::Response> Service::metrics(Call) {
  Task<std::string> asked = queue::scrape(broker_, options_.metrics);
  std::string text = co_await std::move(asked);
  co_return http::Response(200, "text/plain; version=0.0.4; charset=utf-8", std::move(text));
}

Task<http::Response> Service::health(Call) {
  co_return json_response(JsonObject().add("status", "ok").str());
}

Task<http::Response> Service::ready(Call) {
  // Not why: whoever asks need not have logged in.
  const bool is_ready = monitor_.problem().empty();
  co_return json_response(JsonObject().add("status", is_ready ? "ready" : "no broker").str(),
                          is_ready ? 200 : 503);
}

Task<http::Response> Service::openapi(Call) {
  co_return json_response(std::string(openapi_document()));
}

}  // namespace coterie::dashboard
