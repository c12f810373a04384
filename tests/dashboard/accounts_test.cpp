// Tokens, passwords, sessions, roles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "coterie/sleep.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "dashboard/service_support.hpp"

namespace coterie::dashboard_test {
namespace {

using namespace dashboard;
using ::testing::HasSubstr;
using ::testing::Not;

/// A file of one token for each role and a person, removed at the end.
struct Credentials {
  Credentials() : path("/tmp/coterie-accounts-" + std::to_string(::getpid())) {
    std::ofstream file(path);
    file << "# who may look\n\n";
    for (const Role role : {Role::viewer, Role::operator_, Role::admin}) {
      const NewToken made = make_token(std::string(to_string(role)) + "-program", role);
      tokens.push_back(made.token);
      file << made.line << "\n";
    }
    file << make_account("ann", Role::operator_, "correct horse") << "\n";
    file.close();
    ::chmod(path.c_str(), 0600);
  }
  ~Credentials() { ::unlink(path.c_str()); }
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  [[nodiscard]] DashboardOptions options() const {
    DashboardOptions made;
    made.accounts = path;
    return made;
  }
  std::string path;
  std::vector<std::string> tokens;
};

http::Request with_token(http::Request asked, const std::string& token) {
  asked.headers.add("Authorization", "Bearer " + token);
  return asked;
}

Task<void> by_role(const Credentials* credentials) {
  World world(credentials->options());
  queue::WorkerReport gone;
  gone.worker.incarnation = queue::new_uuid();
  gone.ends = true;
  co_await world.broker->announce(gone);
  const std::string ended = gone.worker.incarnation.str();
  const std::vector<std::pair<http::Request, int>> asked{
      {request("GET", "/api/v1/overview"), 0},
      {request("POST", "/api/v1/queues/a/pause"), 1},
      {request("GET", "/api/v1/workers/" + ended + "/tasks"), 1},
      {request("POST", "/api/v1/purge", R"({"filter":"state:done","most":1})"), 2}};
  for (const auto& [what, least] : asked) {
    for (int role = 0; role < 3; ++role) {
      Task<int> asking = world.status(with_token(what, credentials->tokens[role]));
      const int status = co_await std::move(asking);
      EXPECT_EQ(status, role >= least ? 200 : 403) << what.path << " as " << role;
    }
    for (const std::string& wrong : {std::string("no"), std::string(), credentials->tokens[0] + "x"}) {
      Task<int> asking = world.status(with_token(what, wrong));
      EXPECT_EQ(co_await std::move(asking), 401) << what.path;
    }
    Task<int> asking = world.status(what);
    EXPECT_EQ(co_await std::move(asking), 401) << what.path;
  }
}
// An operator may have a job run again; to say what runs instead is more.
Task<void> cloning(const Credentials* credentials) {
  World world(credentials->options());
  const std::string id = co_await world.add("send");
  const std::string path = "/api/v1/jobs/" + id + "/clone";
  const std::vector<std::pair<std::string, int>> asked{{"{}", 1}, {R"({"args":"[1]"})", 2}};
  for (const auto& [body, least] : asked)
    for (int role = 0; role < 3; ++role) {
      Task<int> asking = world.status(with_token(request("POST", path, body), credentials->tokens[role]));
      const int status = co_await std::move(asking);
      EXPECT_EQ(status, role >= least ? 200 : 403) << body << " as " << role;
    }
}
TEST(Accounts, OnlyAdminsSayWithWhichArgumentsAJobRuns) {
  const Credentials credentials;
  run(cloning(&credentials));
}

TEST(Accounts, EachRoleMayDoWhatItMayAndNobodyNothing) {
  const Credentials credentials;
  run(by_role(&credentials));
}

Task<void> everything_is_closed(const Credentials* credentials) {
  World world(credentials->options());
  for (const Route& route : world.service.router().routes()) {
    if (route.access == Access::open) continue;
    Task<int> asking = world.status(request(route.method, route.pattern));
    EXPECT_EQ(co_await std::move(asking), 401) << route.method << " " << route.pattern;
  }
}
TEST(Accounts, NoRouteThatTellsOfTheQueueIsOpen) {
  const Credentials credentials;
  run(everything_is_closed(&credentials));
}

Task<void> read_only() {
  DashboardOptions options;
  options.read_only = true;
  World world(options);
  for (const Route& route : world.service.router().routes()) {
    if (route.access <= Access::inspect) continue;
    Task<std::string> asking = world.text(route.method, route.pattern);
    EXPECT_THAT(co_await std::move(asking), HasSubstr("403 {\"error\":{\"code\":\"read_only\""))
        << route.pattern;
  }
}
TEST(Accounts, ReadOnlyHoldsInTheApi) {
  run(read_only());
}

Task<void> logging_in(const Credentials* credentials) {
  World world(credentials->options());
  Task<http::Response> entering =
      world.ask(request("POST", "/api/v1/login", R"({"name":"ann","password":"correct horse"})"));
  const http::Response entered = co_await std::move(entering);
  EXPECT_EQ(entered.status, 200);
  const std::string cookie(entered.headers.get("Set-Cookie"));
  EXPECT_THAT(cookie, HasSubstr("; HttpOnly; SameSite=Strict"));
  http::Request asked = request("GET", "/api/v1/overview");
  asked.headers.add("Cookie", cookie.substr(0, cookie.find(';')));
  Task<int> looking = world.status(asked);
  EXPECT_EQ(co_await std::move(looking), 200);
  http::Request leaving = request("POST", "/api/v1/logout");
  leaving.headers.add("Cookie", cookie.substr(0, cookie.find(';')));
  Task<int> left = world.status(leaving);
  EXPECT_EQ(co_await std::move(left), 200);
  Task<int> again = world.status(asked);
  EXPECT_EQ(co_await std::move(again), 401);
  EXPECT_THAT(world.audit.front(), HasSubstr(R"("who":"ann","role":"operator","action":"login")"));
}
TEST(Accounts, APersonLogsInAndOut) {
  const Credentials credentials;
  run(logging_in(&credentials));
}

/// Its cookie.
Task<std::string> log_in(World* world) {
  Task<http::Response> entering =
      world->ask(request("POST", "/api/v1/login", R"({"name":"ann","password":"correct horse"})"));
  const http::Response entered = co_await std::move(entering);
  const std::string cookie(entered.headers.get("Set-Cookie"));
  co_return cookie.substr(0, cookie.find(';'));
}

class Silent final : public http::Writer {
 public:
  Task<void> write(std::string) override { co_return; }
};

Task<void> follow(World* world, std::string cookie, bool* ended) {
  http::Request asked = request("GET", "/api/v1/events?topics=jobs");
  asked.headers.add("Cookie", cookie);
  Task<http::Response> asking = world->ask(std::move(asked));
  const http::Response response = co_await std::move(asking);
  Silent page;
  Task<void> streaming = response.stream(page);
  co_await std::move(streaming);
  *ended = true;
}

Task<void> leave(World* world, std::string cookie) {
  bool ended = false;
  const JoinHandle<void> following = spawn(follow, world, cookie, &ended);
  co_await sleep(std::chrono::seconds(30));
  EXPECT_FALSE(ended);
  http::Request leaving = request("POST", "/api/v1/logout");
  leaving.headers.add("Cookie", cookie);
  Task<int> left = world->status(leaving);
  EXPECT_EQ(co_await std::move(left), 200);
  co_await sleep(std::chrono::seconds(2));
  EXPECT_TRUE(ended);
  following.cancel();
  (void)co_await outcome(following.wait());
}

TEST(Accounts, AStreamEndsWithTheSessionOfWhoeverFollowsIt) {
  const Credentials credentials;
  World world(credentials.options());
  const std::string cookie = run(log_in(&world));
  coterie::testing::VirtualLoop loop;
  loop.run(leave(&world, cookie));
}

Task<void> guessing(const Credentials* credentials) {
  World world(credentials->options());
  for (std::size_t i = 0; i < LoginLimit::per_peer; ++i) {
    Task<std::string> trying = world.text("POST", "/api/v1/login", R"({"name":"ann","password":"wrong"})");
    EXPECT_THAT(co_await std::move(trying), HasSubstr("401 "));
  }
  Task<std::string> right =
      world.text("POST", "/api/v1/login", R"({"name":"ann","password":"correct horse"})");
  EXPECT_THAT(co_await std::move(right), HasSubstr("429 "));
}
TEST(Accounts, WhoGuessesHasToWait) {
  const Credentials credentials;
  run(guessing(&credentials));
}

TEST(Accounts, TheFileHoldsNoSecret) {
  const NewToken made = make_token("program", Role::viewer);
  EXPECT_THAT(made.line, Not(HasSubstr(made.token)));
  EXPECT_TRUE(Accounts::parse(made.line).by_token(made.token));
  EXPECT_THAT(make_account("ann", Role::admin, "correct horse"), Not(HasSubstr("horse")));
  EXPECT_NE(make_account("ann", Role::admin, "correct horse"),
            make_account("ann", Role::admin, "correct horse"));
}

TEST(Accounts, RefusesAFileThatOthersMayReadAndLinesThatWillNotDo) {
  const Credentials credentials;
  ::chmod(credentials.path.c_str(), 0644);
  EXPECT_THROW((void)Accounts::read(credentials.path), BadOptions);
  for (const std::string text :
       {"", "ann", "ann god sha256:00", "ann admin sha256:00", "ann admin plain", "ann admin scrypt:zz:00"})
    EXPECT_THROW((void)Accounts::parse(text), BadOptions) << text;
  EXPECT_THROW((void)make_account("ann", Role::admin, "short"), BadOptions);
  EXPECT_THROW((void)make_account("a\nb", Role::admin, "long enough"), BadOptions);
}

TEST(Accounts, SessionsEnd) {
  Sessions sessions;
  const TimePoint now{};
  const std::string cookie = sessions.open(Caller("ann", Role::viewer), now);
  EXPECT_TRUE(sessions.find(cookie, now + Sessions::lifetime - std::chrono::seconds(1)));
  EXPECT_FALSE(sessions.find(cookie, now + Sessions::lifetime));
  EXPECT_FALSE(sessions.find("", now));
}

TEST(Accounts, WhoLogsInAgainAndAgainEndsTheirOwnOldestSession) {
  Sessions sessions;
  TimePoint now{};
  const std::string others = sessions.open(Caller("bob", Role::viewer), now);
  std::vector<std::string> cookies;
  for (std::size_t i = 0; i < 2 * Sessions::most; ++i) {
    now += std::chrono::milliseconds(1);
    cookies.push_back(sessions.open(Caller("ann", Role::viewer), now));
  }
  EXPECT_TRUE(sessions.find(others, now));
  EXPECT_FALSE(sessions.find(cookies.at(cookies.size() - 1 - Sessions::most_of_one), now));
  EXPECT_TRUE(sessions.find(cookies.at(cookies.size() - Sessions::most_of_one), now));
}

}  // namespace
}  // namespace coterie::dashboard_test
