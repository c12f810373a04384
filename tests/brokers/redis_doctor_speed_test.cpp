// What coterie doctor says of a server whose clock is wrong, or that answers late.
#include <chrono>
#include <thread>

#include "coterie/queue/doctor.hpp"
#include "src/brokers/redis/doctor.hpp"
#include "tests/brokers/findings.hpp"
#include "tests/brokers/redis_proxy.hpp"
#include "tests/brokers/redis_support.hpp"

namespace coterie::brokers::redis {
namespace {
using namespace std::chrono_literals;
using broker_suite::finding;
using broker_suite::RedisProxy;
using broker_suite::RedisServer;
using queue::diagnose;
using queue::Diagnosis;
using queue::Finding;
using queue::Health;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Words = std::vector<std::string>;

double number(const Finding& of, const std::string& name) {
  for (const auto& [key, value] : of.numbers)
    if (key == name) return value;
  throw std::runtime_error("no number " + name);
}

/// As TIME tells it.
std::string time_in_wire_form(std::chrono::microseconds ahead) {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now() + ahead);
  const std::int64_t us = now.time_since_epoch().count();
  std::string wire = "*2\r\n";
  for (const std::string& part : {std::to_string(us / 1'000'000), std::to_string(us % 1'000'000)})
    wire += "$" + std::to_string(part.size()) + "\r\n" + part + "\r\n";
  return wire;
}

/// What the doctor says of a server whose wall clock is so much ahead of ours.
Finding clock_of(const RedisServer& server, std::chrono::microseconds ahead) {
  RedisProxy proxy(server.socket(), [ahead](const Words& words) -> std::optional<std::string> {
    if (words[0] != "TIME") return std::nullopt;
    return time_in_wire_form(ahead);
  });
  return finding(diagnose(proxy.url("")), "clock");
}

TEST(RedisDoctorSpeed, AServersClockThatIsAheadOfOursIsAWarning) {
  const RedisServer server;
  const Finding clock = clock_of(server, 90s);
  EXPECT_EQ(clock.health, Health::warning);
  EXPECT_THAT(clock.found, StartsWith("ahead of ours by "));
  EXPECT_NEAR(number(clock, "skew_ms"), 90'000, number(clock, "error_ms") + 1);
  EXPECT_THAT(clock.change, HasSubstr("NTP"));
}

TEST(RedisDoctorSpeed, AServersClockThatIsBehindOursIsAWarning) {
  const RedisServer server;
  const Finding clock = clock_of(server, -1h);
  EXPECT_EQ(clock.health, Health::warning);
  EXPECT_THAT(clock.found, StartsWith("behind ours by "));
  EXPECT_NEAR(number(clock, "skew_ms"), -3'600'000, number(clock, "error_ms") + 1);
}

TEST(RedisDoctorSpeed, AClockThatIsRightIsNoWarning) {
  const RedisServer server;
  EXPECT_EQ(clock_of(server, 0us).health, Health::ok);
}

TEST(RedisDoctorSpeed, AServerThatIsFarAwayIsAWarning) {
  const RedisServer server;
  RedisProxy proxy(server.socket(), [](const Words& words) -> std::optional<std::string> {
    if (words[0] == "PING") std::this_thread::sleep_for(6ms);  // lint: sleeps, because such is the network
    return std::nullopt;
  });
  const Finding latency = finding(diagnose(proxy.url("")), "latency");
  EXPECT_EQ(latency.health, Health::warning);
  EXPECT_GE(number(latency, "p50_us"), 6000);
  EXPECT_THAT(latency.change, HasSubstr("nearer"));
}

Finding latency_of(std::vector<double> microseconds) {
  Diagnosis diagnosis;
  Findings out(diagnosis);
  report_latency(out, std::move(microseconds));
  return finding(diagnosis, "latency");
}

TEST(RedisDoctorSpeed, AServerThatNowAndThenAnswersLateIsAWarning) {
  std::vector<double> times(195, 100.0);
  times.resize(200, 30'000.0);
  const Finding late = latency_of(times);
  EXPECT_EQ(late.health, Health::warning);
  EXPECT_EQ(late.found, "p50 100 µs, p99 30 ms, max 30 ms of 200 PINGs");
  EXPECT_THAT(late.change, HasSubstr("slow commands"));
  EXPECT_EQ(latency_of(std::vector<double>(200, 4'900.0)).health, Health::ok);
  EXPECT_EQ(latency_of(std::vector<double>(200, 5'100.0)).health, Health::warning);
}

}  // namespace
}  // namespace coterie::brokers::redis
