// What a job waits for, and what waits for it, as the API tells it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dashboard/service_support.hpp"

namespace coterie::dashboard_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Task<queue::JobId> enqueue(World& world, std::string name, std::vector<queue::JobId> after = {}) {
  queue::JobSpec spec(std::move(name));
  spec.after = std::move(after);
  Task<queue::JobId> adding = world.client.enqueue(std::move(spec));
  const queue::JobId id = co_await std::move(adding);
  co_return id;
}

std::string row(const queue::JobId& id, const std::string& name, const std::string& state) {
  return R"({"id":")" + id.str() + R"(","name":")" + name + R"(","queue":"default","state":")" + state +
         "\"}";
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

Task<void> named() {
  World world;
  const queue::JobId build = co_await enqueue(world, "build");
  std::vector<queue::JobId> of_build{build};
  const queue::JobId publish = co_await enqueue(world, "publish", of_build);
  std::vector<queue::JobId> of_publish{publish};
  const queue::JobId tell = co_await enqueue(world, "tell", of_publish);
  const std::string middle = co_await world.text("GET", "/api/v1/jobs/" + publish.str());
  EXPECT_THAT(middle, AllOf(HasSubstr("\"awaited\":[" + row(build, "build", "ready") +
                                      R"(],"awaited_count":1,"awaited_bounded":false)"),
                            HasSubstr("\"dependents\":[" + row(tell, "tell", "blocked") +
                                      R"(],"dependents_count":1)")));
  const std::string first = co_await world.text("GET", "/api/v1/jobs/" + build.str());
  EXPECT_THAT(first, AllOf(HasSubstr(R"("awaited":[],"awaited_count":0)"),
                           HasSubstr("\"dependents\":[" + row(publish, "publish", "blocked"))));
  (void)co_await world.text("POST", "/api/v1/jobs/" + build.str() + "/cancel", "{}");
  const std::string free = co_await world.text("GET", "/api/v1/jobs/" + publish.str());
  EXPECT_THAT(free, AllOf(HasSubstr(R"("state":"ready")"), HasSubstr(R"("awaited":[],"awaited_count":0)")));
}
TEST(DashboardLinks, AJobNamesWhatItWaitsForAndWhatWaitsForIt) {
  run(named());
}

Task<void> many() {
  World world;
  std::vector<queue::JobId> ids;
  for (int i = 0; i < 60; ++i) ids.push_back(co_await enqueue(world, "part"));
  const queue::JobId all = co_await enqueue(world, "all", ids);
  const std::string text = co_await world.text("GET", "/api/v1/jobs/" + all.str());
  EXPECT_EQ(count(text, R"("name":"part")"), 50U);
  EXPECT_THAT(text, HasSubstr(R"("awaited_count":60)"));
}
TEST(DashboardLinks, OfManyFiftyAreNamedAndAllAreCounted) {
  run(many());
}

}  // namespace
}  // namespace coterie::dashboard_test
