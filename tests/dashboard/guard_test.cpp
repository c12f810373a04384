// Who may connect, from where, under which name: the defaults first, for it is them that were lost elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "dashboard/service_support.hpp"
#include "src/dashboard/guard.hpp"

namespace coterie::dashboard_test {
namespace {

using namespace dashboard;

bool starts(const DashboardOptions& options) {
  try {
    require_safe_address(options);
    return true;
  } catch (const BadOptions&) {
    return false;
  }
}

TEST(Guard, ListensAtLoopbackByDefault) {
  EXPECT_EQ(DashboardOptions().host, "127.0.0.1");
  EXPECT_TRUE(starts(DashboardOptions()));
}

TEST(Guard, AnAddressForAllNeedsAccountsOrTheWord) {
  for (const std::string host :
       {"0.0.0.0", "::", "", "192.168.1.5", "example.org", "127.0.0.1.example.org", "::ffff:1.2.3.4"}) {
    DashboardOptions options;
    options.host = host;
    EXPECT_FALSE(starts(options)) << host;
    options.insecure_no_auth = true;
    EXPECT_TRUE(starts(options)) << host;
    options.insecure_no_auth = false;
    options.accounts = "file";
    EXPECT_TRUE(starts(options)) << host;
  }
  for (const std::string host : {"127.0.0.1", "127.8.8.8", "::1", "localhost"}) {
    DashboardOptions options;
    options.host = host;
    EXPECT_TRUE(starts(options)) << host;
  }
}

TEST(Guard, TheWholeDashboardRefusesAPublicAddress) {
  DashboardOptions options;
  options.host = "0.0.0.0";
  EXPECT_THROW(run(serve(queue::open_broker("memory://"), options)), BadOptions);
}

TEST(Guard, AFolderOfPagesThatIsNotThereIsRefused) {
  DashboardOptions options;
  options.web_root = "/no/such/folder";
  EXPECT_THROW(Service(queue::open_broker("memory://"), options), BadOptions);
}

Task<int> under_name(std::string host) {
  DashboardOptions options;
  options.allowed_hosts = {"queue.example.org"};
  World world(options);
  http::Request asked = request("GET", "/healthz");
  asked.headers.set("Host", host);
  Task<int> asking = world.status(asked);
  co_return co_await std::move(asking);
}
TEST(Guard, ANameThatIsNotOursIs421) {
  for (const std::string host :
       {"evil.example", "evil.example:8420", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1",
        "[::1]evil.example", "[", "[]", "127.0.0.1@evil.example"})
    EXPECT_EQ(run(under_name(host)), 421) << host;
  for (const std::string host :
       {"localhost", "LOCALHOST:1", "127.0.0.1:8420", "[::1]:8420", "queue.example.org", "10.0.0.1:80"})
    EXPECT_EQ(run(under_name(host)), 200) << host;
}

struct Sent {
  const char* site;
  const char* origin;
  const char* type;
  int status;
};
Task<int> changing(Sent sent) {
  World world;
  http::Request asked = request("POST", "/api/v1/queues/a/pause");
  if (sent.site != nullptr) asked.headers.add("Sec-Fetch-Site", sent.site);
  if (sent.origin != nullptr) asked.headers.add("Origin", sent.origin);
  asked.headers.set("Content-Type", sent.type);
  Task<int> asking = world.status(asked);
  const int status = co_await std::move(asking);
  const std::vector<std::string> paused = co_await world.broker->paused();
  EXPECT_EQ(paused.empty(), status != 200);
  co_return status;
}
TEST(Guard, ChangesComeFromOurOwnPagesAndAsJson) {
  const char* const json = "application/json";
  for (const Sent& sent :
       {Sent{"same-origin", nullptr, json, 200}, Sent{"none", nullptr, json, 200},
        Sent{nullptr, nullptr, json, 200}, Sent{nullptr, "http://localhost:8420", json, 200},
        Sent{nullptr, nullptr, "application/json; charset=utf-8", 200},
        Sent{"cross-site", nullptr, json, 403}, Sent{"same-site", nullptr, json, 403},
        Sent{"cross-site", "http://localhost:8420", json, 403},
        Sent{nullptr, "http://evil.example", json, 403}, Sent{nullptr, "null", json, 403},
        Sent{nullptr, "http://localhost:9999", json, 403}, Sent{"same-origin", nullptr, "text/plain", 415},
        Sent{"same-origin", nullptr, "application/x-www-form-urlencoded", 415}})
    EXPECT_EQ(run(changing(sent)), sent.status)
        << (sent.site ? sent.site : "-") << (sent.origin ? sent.origin : "-") << sent.type;
}

// It cannot read the answer, but it could tell from the time of a search what it finds.
Task<void> read_from_elsewhere() {
  World world;
  for (const dashboard::Route& route : world.service.router().routes()) {
    if (route.method != "GET" || route.access == Access::open) continue;
    for (const std::string site : {"cross-site", "same-site", "nonsense"}) {
      http::Request asked = request("GET", route.pattern);
      asked.headers.add("Sec-Fetch-Site", site);
      Task<std::string> asking = world.text(std::move(asked));
      EXPECT_THAT(co_await std::move(asking),
                  ::testing::StartsWith("403 {\"error\":{\"code\":\"cross_site\""))
          << route.pattern;
    }
    for (const std::string site : {"", "none", "same-origin"}) {
      http::Request asked = request("GET", route.pattern);
      if (!site.empty()) asked.headers.add("Sec-Fetch-Site", site);
      Task<int> asking = world.status(std::move(asked));
      EXPECT_NE(co_await std::move(asking), 403) << route.pattern;
    }
  }
}
TEST(Guard, APageOfAnotherSiteCannotEvenAsk) {
  run(read_from_elsewhere());
}

Task<std::string> refused_method(std::string method, std::string target) {
  World world;
  Task<http::Response> asking = world.ask(request(method, target));
  const http::Response response = co_await std::move(asking);
  EXPECT_EQ(response.headers.get("Access-Control-Allow-Origin"), "");
  co_return std::to_string(response.status) + " " + std::string(response.headers.get("Allow"));
}
TEST(Guard, AMethodThatThereIsNotIsRefusedWithThoseThatThereAre) {
  const std::string job = "/api/v1/jobs/01a21cd7-07b3-76ec-92a3-1e8fa136fc9f";
  for (const std::string method : {"OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "get"}) {
    EXPECT_EQ(run(refused_method(method, job)), "405 GET, HEAD") << method;
    EXPECT_EQ(run(refused_method(method, job + "/retry")), "405 POST") << method;
    EXPECT_EQ(run(refused_method(method, "/")), "405 GET, HEAD") << method;
    EXPECT_EQ(run(refused_method(method, "/api/v1/nothing")), "404 ") << method;
  }
  EXPECT_EQ(run(refused_method("GET", job + "/retry")), "405 POST");
}

TEST(Guard, NothingRunsThatIsNotOurs) {
  const http::Headers headers = security_headers(false);
  const std::string_view policy = headers.get("Content-Security-Policy");
  for (const std::string part :
       {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'",
        "base-uri 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"})
    EXPECT_NE(policy.find(part), std::string_view::npos) << part;
  EXPECT_EQ(policy.find("unsafe"), std::string_view::npos);
  EXPECT_EQ(headers.get("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(headers.get("Referrer-Policy"), "no-referrer");
  EXPECT_EQ(headers.get("Access-Control-Allow-Origin"), "");
}

}  // namespace
}  // namespace coterie::dashboard_test
