// The document against the program: every route stands in it and the other way round, and what is answered is
// what it says, member by member.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <map>
#include <set>

#include "coterie/queue/json.hpp"
#include "coterie/queue/worker.hpp"
#include "dashboard/service_support.hpp"
#include "src/dashboard/openapi.hpp"

namespace coterie::dashboard_test {
namespace {

using boost::json::object;
using boost::json::value;

const value& document() {
  static const value parsed = queue::from_json<value>(dashboard::openapi_document());
  return parsed;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

TEST(OpenApi, HasEveryRouteAndNoOther) {
  std::set<std::string> written;
  for (const auto& [path, methods] : document().at("paths").as_object())
    for (const auto& [method, operation] : methods.as_object())
      written.insert(std::string(method) + " " + std::string(path));
  World world;
  std::set<std::string> routed;
  for (const dashboard::Route& route : world.service.router().routes())
    routed.insert(lower(route.method) + " " + route.pattern);
  EXPECT_EQ(written, routed);
}

TEST(OpenApi, SaysWhatIsOpenToEverybody) {
  World world;
  for (const dashboard::Route& route : world.service.router().routes()) {
    const object& operation = document().at("paths").at(route.pattern).at(lower(route.method)).as_object();
    EXPECT_EQ(operation.contains("security"), route.access == dashboard::Access::open) << route.pattern;
  }
}

TEST(OpenApi, HasEveryCodeOfAnErrorWithItsStatus) {
  const value& code = document()
                          .at("components")
                          .at("schemas")
                          .at("Error")
                          .at("properties")
                          .at("error")
                          .at("properties")
                          .at("code");
  std::map<std::string, std::int64_t> written;
  for (const auto& [name, status] : code.at("x-status").as_object())
    written.emplace(std::string(name), status.as_int64());
  std::map<std::string, std::int64_t> known;
  for (const dashboard::ErrorKind& kind : dashboard::error_kinds())
    known.emplace(std::string(kind.name), kind.status);
  EXPECT_EQ(written, known);
  std::set<std::string> names;
  for (const value& name : code.at("enum").as_array()) names.emplace(name.as_string());
  EXPECT_EQ(names.size(), known.size());
  for (const auto& [name, status] : known) EXPECT_TRUE(names.contains(name)) << name;
}

/// What is not as the schema has it; empty: nothing.
std::string differs(const value& found, const value& schema, const std::string& where) {
  const object& rules = schema.as_object();
  if (const value* nullable = rules.if_contains("nullable"); found.is_null())
    return nullable != nullptr && nullable->as_bool() ? "" : where + " is null";
  if (const value* to = rules.if_contains("$ref")) {
    const std::string name = std::string(to->as_string()).substr(std::string("#/components/schemas/").size());
    return differs(found, document().at("components").at("schemas").at(name), where);
  }
  const std::string type(rules.at("type").as_string());
  const auto wrong = [&] { return where + " is no " + type; };
  if (type == "string") {
    if (!found.is_string()) return wrong();
    const value* names = rules.if_contains("enum");
    if (names == nullptr) return "";
    for (const value& name : names->as_array())
      if (name == found) return "";
    return where + " is none of the enum";
  }
  if (type == "integer") return found.is_int64() || found.is_uint64() ? "" : wrong();
  if (type == "number") return found.is_number() ? "" : wrong();
  if (type == "boolean") return found.is_bool() ? "" : wrong();
  if (type == "array") {
    if (!found.is_array()) return wrong();
    for (const value& item : found.as_array())
      if (std::string problem = differs(item, rules.at("items"), where + "[]"); !problem.empty())
        return problem;
    return "";
  }
  if (!found.is_object()) return wrong();
  const value* members = rules.if_contains("properties");
  if (members == nullptr) return "";
  for (const value& name : rules.at("required").as_array())
    if (!found.as_object().contains(name.as_string()))
      return where + "." + std::string(name.as_string()) + " is missing";
  for (const auto& [name, item] : found.as_object()) {
    const value* rule = members->as_object().if_contains(name);
    if (rule == nullptr) return where + "." + std::string(name) + " is not in the document";
    if (std::string problem = differs(item, *rule, where + "." + std::string(name)); !problem.empty())
      return problem;
  }
  return "";
}

Task<std::string> fails(queue::JobContext&, std::string) {
  throw std::runtime_error("no");
  co_return "";
}
Task<std::string> works(queue::JobContext&, std::string) {
  co_return "{}";
}

Task<void> work(std::shared_ptr<queue::Broker> broker) {
  queue::WorkerOptions options;
  options.stop_when_idle(true);
  queue::Worker worker(broker, options);
  worker.handle_raw("fails", fails);
  worker.handle_raw("works", works);
  co_await worker.serve();
}

/// Every answer that JSON can have, of jobs in several states.
Task<void> answers() {
  World world;
  queue::JobSpec failing("fails");
  failing.max_attempts = 1;
  const queue::JobId dead = co_await world.client.enqueue(failing);
  const std::string done = co_await world.add("works");
  co_await work(world.broker);
  const std::string ready = co_await world.add("waits", "{}", "other");
  queue::JobSpec after("later");
  after.after = {*queue::parse_uuid(ready)};
  (void)co_await world.client.enqueue(after);
  queue::WorkerReport gone;
  gone.worker.incarnation = queue::new_uuid();
  gone.queues = {"default"};
  gone.ends = true;
  co_await world.broker->announce(gone);
  const JoinHandle<void> watching =
      spawn([](World* w) -> Task<void> { return w->service.monitor().run(); }, &world);
  while (world.service.monitor().sequence() < 1) co_await yield();
  const std::vector<std::array<std::string, 4>> asked{
      {"GET", "/healthz", "/healthz", ""},
      {"GET", "/readyz", "/readyz", ""},
      {"GET", "/api/v1/session", "/api/v1/session", ""},
      {"GET", "/api/v1/overview", "/api/v1/overview", ""},
      {"GET", "/api/v1/history", "/api/v1/history", ""},
      {"GET", "/api/v1/workers", "/api/v1/workers", ""},
      {"GET", "/api/v1/workers/" + gone.worker.incarnation.str() + "/tasks", "/api/v1/workers/{id}/tasks",
       ""},
      {"GET", "/api/v1/jobs", "/api/v1/jobs", ""},
      {"GET", "/api/v1/jobs?limit=1", "/api/v1/jobs", ""},
      {"GET", "/api/v1/count?filter=fails", "/api/v1/count", ""},
      {"GET", "/api/v1/jobs/" + done, "/api/v1/jobs/{id}", ""},
      {"GET", "/api/v1/jobs/" + dead.str(), "/api/v1/jobs/{id}", ""},
      {"GET", "/api/v1/jobs/" + ready, "/api/v1/jobs/{id}", ""},
      {"POST", "/api/v1/jobs/" + dead.str() + "/retry", "/api/v1/jobs/{id}/retry", "{}"},
      {"POST", "/api/v1/jobs/" + dead.str() + "/cancel", "/api/v1/jobs/{id}/cancel", "{}"},
      {"POST", "/api/v1/retry", "/api/v1/retry", "{\"ids\":[\"" + dead.str() + "\"]}"},
      {"POST", "/api/v1/cancel", "/api/v1/cancel", R"({"filter":"name:fails","most":1})"},
      {"POST", "/api/v1/purge", "/api/v1/purge", R"({"filter":"state:cancelled","most":1})"},
      {"POST", "/api/v1/jobs/" + done + "/clone", "/api/v1/jobs/{id}/clone", R"({"args":"[1]"})"},
      {"GET", "/api/v1/history?queue=other", "/api/v1/history", ""},
      {"POST", "/api/v1/queues/other/drain", "/api/v1/queues/{queue}/drain", R"({"most":1})"},
      {"POST", "/api/v1/queues/other/pause", "/api/v1/queues/{queue}/pause", "{}"},
      {"POST", "/api/v1/queues/other/resume", "/api/v1/queues/{queue}/resume", "{}"},
      {"POST", "/api/v1/logout", "/api/v1/logout", "{}"},
  };
  for (const auto& [method, target, pattern, body] : asked) {
    const std::string text = co_await world.text(method, target, body);
    EXPECT_EQ(text.substr(0, 4), "200 ") << target << ": " << text;
    const value& schema = document()
                              .at("paths")
                              .at(pattern)
                              .at(lower(method))
                              .at("responses")
                              .at("200")
                              .at("content")
                              .at("application/json")
                              .at("schema");
    const value answer = queue::from_json<value>(text.substr(4));
    EXPECT_EQ(differs(answer, schema, "$"), "") << target << ": " << text;
  }
  for (const std::string target : {"/api/v1/jobs?filter=a:b", "/api/v1/nothing"}) {
    const std::string text = co_await world.text("GET", target);
    const value answer = queue::from_json<value>(text.substr(4));
    EXPECT_EQ(differs(answer, document().at("components").at("schemas").at("Error"), "$"), "") << text;
  }
  watching.cancel();
  (void)co_await outcome(watching.wait());
}
TEST(OpenApi, AnswersAreWhatItSays) {
  run(answers());
}

}  // namespace
}  // namespace coterie::dashboard_test
