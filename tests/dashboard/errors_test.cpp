// What the API refuses, and with which code: programs and the pages' translations go by it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "dashboard/service_support.hpp"

namespace coterie::dashboard_test {
namespace {

using ::testing::HasSubstr;

const dashboard::ErrorKind& kind_of(const std::string& name) {
  const auto kinds = dashboard::error_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&name](const dashboard::ErrorKind& kind) { return kind.name == name; });
  if (found == kinds.end()) throw std::invalid_argument("no code " + name);
  return *found;
}

Task<void> expect_refusal(World& world, http::Request what, std::string code) {
  Task<http::Response> asking = world.ask(what);
  const http::Response response = co_await std::move(asking);
  const dashboard::ErrorKind& kind = kind_of(code);
  EXPECT_THAT(response.body, HasSubstr("{\"error\":{\"code\":\"" + code + "\",\"message\":\"")) << what.path;
  EXPECT_EQ(response.status, kind.status) << code;
  EXPECT_EQ(response.headers.get("Content-Type"), "application/json") << code;
  EXPECT_EQ(response.headers.get("Retry-After"),
            kind.retry_after == 0 ? std::string() : std::to_string(kind.retry_after));
}

struct Asked {
  const char* code;
  const char* method;
  std::string target;
  std::string body;
};

Task<void> refusals() {
  World world;
  const std::string ended = co_await world.add("send");
  co_await world.fail_next("w", queue::JobError("error", "no"));
  const std::string ready = co_await world.add("send");
  const std::string nobody = "01a21cd7-07b3-76ec-92a3-1e8fa136fc9f";
  const std::string job = "/api/v1/jobs/" + ready;
  const std::vector<Asked> all{
      {"bad_filter", "GET", "/api/v1/jobs?filter=colour:red", ""},
      {"bad_filter", "POST", "/api/v1/purge", R"({"filter":"state:ready","most":1})"},
      {"bad_parameter", "GET", "/api/v1/jobs?limit=1000", ""},
      {"bad_parameter", "GET", "/api/v1/history?range=1y", ""},
      {"bad_id", "GET", "/api/v1/jobs/1", ""},
      {"bad_id", "POST", "/api/v1/cancel", R"({"ids":["1"]})"},
      {"bad_topic", "GET", "/api/v1/events?topics=all", ""},
      {"bad_request", "POST", "/api/v1/cancel", R"({"filter":"name:send"})"},
      {"bad_request", "POST", "/api/v1/cancel", "{"},
      {"bad_args", "POST", job + "/clone", R"({"args":"{"})"},
      {"redacted", "POST", job + "/clone", R"({"args":"[\"[redacted]\"]"})"},
      {"not_found", "GET", "/api/v1/nothing", ""},
      {"no_such_job", "GET", "/api/v1/jobs/" + nobody, ""},
      {"no_such_job", "POST", "/api/v1/jobs/" + nobody + "/cancel", "{}"},
      {"no_such_worker", "GET", "/api/v1/workers/" + nobody + "/tasks", ""},
      {"no_result", "GET", job + "/result", ""},
      {"no_history", "GET", "/api/v1/history?queue=none", ""},
      {"method_not_allowed", "DELETE", job, ""},
      {"not_retried", "POST", job + "/retry", "{}"},
      {"not_cancelled", "POST", "/api/v1/jobs/" + ended + "/cancel", "{}"},
      {"no_accounts", "POST", "/api/v1/login", R"({"name":"ann","password":"secret"})"}};
  for (const Asked& asked : all) {
    Task<void> refusing = expect_refusal(world, request(asked.method, asked.target, asked.body), asked.code);
    co_await std::move(refusing);
  }
}
TEST(DashboardErrors, EachHasACodeAndTheStatusThatBelongsToIt) {
  run(refusals());
}

}  // namespace
}  // namespace coterie::dashboard_test
