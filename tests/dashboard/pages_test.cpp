// The files of the pages: how they are named, kept, compressed and asked for again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dashboard/service_support.hpp"
#include "src/dashboard/assets.hpp"

namespace coterie::dashboard_test {
namespace {

using ::testing::HasSubstr;

TEST(DashboardFiles, AreSmallEnoughForASlowLine) {
  std::size_t bytes = 0;
  for (const dashboard::Asset& asset : dashboard::assets()) bytes += asset.gzip.size();
  EXPECT_LE(bytes, 45'000U);
}

/// GET / with a field; in a build without pages these tests have nothing to ask for.
Task<http::Response> index(World& world, std::string accepts, std::vector<std::string> tags = {}) {
  http::Request asked = request("GET", "/");
  if (!accepts.empty()) asked.headers.add("Accept-Encoding", std::move(accepts));
  for (std::string& tag : tags) asked.headers.add("If-None-Match", std::move(tag));
  Task<http::Response> asking = world.ask(std::move(asked));
  co_return co_await std::move(asking);
}

class DashboardPage : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!dashboard::has_pages()) GTEST_SKIP() << "a build without pages";
  }
};

Task<void> tagged() {
  World world;
  const http::Response plain = co_await index(world, "");
  const http::Response zipped = co_await index(world, "gzip");
  const std::string tag(plain.headers.get("ETag"));
  const std::string zipped_tag(zipped.headers.get("ETag"));
  EXPECT_NE(tag, zipped_tag) << "these are other bytes";
  for (const http::Response* response : {&plain, &zipped})
    EXPECT_EQ(response->headers.get("Vary"), "Accept-Encoding");
  struct Asked {
    std::string accepts;
    std::vector<std::string> tags;
    int status;
  };
  const std::vector<Asked> all{{"", {tag}, 304},
                               {"", {"W/" + tag}, 304},
                               {"", {"*"}, 304},
                               {"", {"\"other\", W/" + tag}, 304},
                               {"", {"\"other\",\t" + tag + " , \"more\""}, 304},
                               {"", {"\"other\"", tag}, 304},
                               {"", {zipped_tag}, 200},
                               {"", {"\"other\""}, 200},
                               {"", {"w/" + tag}, 200},
                               {"", {tag.substr(1)}, 200},
                               {"", {""}, 200},
                               {"gzip", {zipped_tag}, 304},
                               {"gzip", {"W/" + zipped_tag}, 304},
                               {"gzip", {tag}, 200}};
  for (const Asked& asked : all) {
    const http::Response response = co_await index(world, asked.accepts, asked.tags);
    EXPECT_EQ(response.status, asked.status) << asked.accepts << " " << asked.tags.front();
    EXPECT_EQ(response.body.empty(), asked.status == 304);
    EXPECT_EQ(response.headers.get("ETag"), asked.accepts.empty() ? tag : zipped_tag);
    EXPECT_EQ(response.headers.get("Vary"), "Accept-Encoding");
  }
}
TEST_F(DashboardPage, IsNotSentAgainToWhoeverHasTheSameBytes) {
  run(tagged());
}

Task<void> negotiated() {
  World world;
  for (const std::string yes : {"gzip", "br, gzip", "GZIP;q=0.5", "gzip ; q=0.001", "identity;q=0,gzip"}) {
    const http::Response response = co_await index(world, yes);
    EXPECT_EQ(response.headers.get("Content-Encoding"), "gzip") << yes;
  }
  for (const std::string no : {"", "br", "gzip;q=0", "gzip;q=0.000", "xgzip", "deflate, gzip; q=0.0"}) {
    const http::Response response = co_await index(world, no);
    EXPECT_EQ(response.headers.get("Content-Encoding"), "") << no;
  }
}
TEST_F(DashboardPage, IsCompressedForWhoeverTakesThat) {
  run(negotiated());
}

Task<void> files() {
  World world;
  const std::string page = co_await world.text("GET", "/");
  const std::size_t at = page.find("/assets/");
  if (at == std::string::npos) co_return;  // a build without pages
  const std::string path = page.substr(at, page.find_first_of("\"'", at) - at);
  Task<http::Response> asking = world.ask(request("GET", path));
  const http::Response file = co_await std::move(asking);
  EXPECT_EQ(file.status, 200);
  EXPECT_THAT(std::string(file.headers.get("Cache-Control")), HasSubstr("immutable"));
  http::Request again = request("GET", path);
  again.headers.add("If-None-Match", std::string(file.headers.get("ETag")));
  Task<int> asking_again = world.status(std::move(again));
  EXPECT_EQ(co_await std::move(asking_again), 304);
  http::Request small = request("GET", path);
  small.headers.add("Accept-Encoding", "br, gzip");
  Task<http::Response> asking_small = world.ask(std::move(small));
  const http::Response zipped = co_await std::move(asking_small);
  EXPECT_EQ(zipped.headers.get("Content-Encoding"), "gzip");
  EXPECT_LT(zipped.body.size(), file.body.size());
}
TEST(DashboardFiles, AreNamedByTheirContentKeptAndCompressed) {
  run(files());
}

}  // namespace
}  // namespace coterie::dashboard_test
