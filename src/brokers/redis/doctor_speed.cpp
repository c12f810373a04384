// How fast a server answers, and whether its clock is ours.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "src/brokers/redis/doctor.hpp"

namespace coterie::brokers::redis {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int clock_looks = 5;
constexpr std::size_t pings = 200;
constexpr int slow_entries = 128;
constexpr std::int64_t slow_microseconds = 1000;

double microseconds(SteadyClock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}
double wall_microseconds() {
  return std::chrono::duration<double, std::micro>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void report_clock(Patient& patient, double skew, double error) {
  const std::string found = std::string(skew < 0 ? "behind" : "ahead of") + " ours by " +
                            microseconds_text(std::abs(skew)) + ", give or take " + microseconds_text(error);
  const Findings::Numbers numbers{{"skew_ms", skew / 1000}, {"error_ms", error / 1000}};
  if (std::abs(skew) > 1e6 + error)
    patient.out.warning("clock", found,
                        "the queue goes by the server's: jobs for a given time start that much early or late",
                        "let NTP set both clocks", numbers);
  else
    patient.out.ok("clock", found, {}, numbers);
}

void report_slow_log(Patient& patient, const Reply& reply) {
  std::size_t slow = 0;
  std::int64_t slowest = 0;
  std::string command;
  for (const Reply& entry : reply.array()) {
    const std::int64_t took = entry.at(2).integer();
    if (took <= slow_microseconds) continue;
    ++slow;
    if (took <= slowest) continue;
    slowest = took;
    command = entry.at(3).array().empty() ? "" : entry.at(3).at(0).string().substr(0, 40);
  }
  const std::string threshold = patient.setting("slowlog-log-slower-than");
  const std::int64_t kept = threshold.empty() ? 0 : std::atoll(threshold.c_str());
  if (kept < 0 && slow == 0) {
    patient.out.unknown("slow log", "the server keeps none (slowlog-log-slower-than " + threshold + ")",
                        "CONFIG SET slowlog-log-slower-than 1000");
    return;
  }
  const Findings::Numbers numbers{{"slow", static_cast<double>(slow)},
                                  {"slowest_us", static_cast<double>(slowest)}};
  if (slow == 0) {
    const std::int64_t seen_above = std::max(kept, slow_microseconds);
    patient.out.ok("slow log",
                   threshold.empty() ? "nothing; from what duration on it is kept is not told"
                                     : "nothing above " + microseconds_text(static_cast<double>(seen_above)),
                   kept > slow_microseconds ? "CONFIG SET slowlog-log-slower-than 1000 would show more" : "",
                   numbers);
    return;
  }
  patient.out.warning("slow log",
                      std::to_string(slow) + " commands above 1 ms among the last " +
                          std::to_string(reply.array().size()) + ", the slowest " +
                          microseconds_text(static_cast<double>(slowest)) + " (" + command + ")",
                      "while one runs, everybody else waits",
                      "SLOWLOG GET shows whose they are; SLOWLOG RESET forgets them", numbers);
}

}  // namespace

void report_latency(Findings& out, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const double p50 = percentile(times, 0.5);
  const double p99 = percentile(times, 0.99);
  const std::string found = "p50 " + microseconds_text(p50) + ", p99 " + microseconds_text(p99) + ", max " +
                            microseconds_text(times.back()) + " of " + std::to_string(times.size()) +
                            " PINGs";
  const Findings::Numbers numbers{{"p50_us", p50}, {"p99_us", p99}, {"max_us", times.back()}};
  if (p50 > 5000)
    out.warning("latency", found, "each call of the queue takes that long at least",
                "bring workers and server nearer to each other, and put many jobs into one enqueue", numbers);
  else if (p99 > 20'000)
    out.warning("latency", found, "something keeps the server, or this machine, from answering",
                "look for slow commands of others (SLOWLOG GET), swapping, a busy CPU", numbers);
  else
    out.ok("latency", found, {}, numbers);
}

/// By the quickest of some answers: its error is at most half of the way there and back.
Task<void> look_at_clock(Patient& patient) {
  double skew = 0;
  double error = -1;
  for (int i = 0; i < clock_looks; ++i) {
    const double before = wall_microseconds();
    const SteadyClock::time_point begin = SteadyClock::now();
    const Reply reply = co_await patient.link.call(Command("TIME"));
    const double round_trip = microseconds(SteadyClock::now() - begin);
    if (reply.kind() != Reply::Kind::array) {
      patient.out.unknown("clock", why_not(reply, "+time"));
      co_return;
    }
    if (error >= 0 && round_trip / 2 >= error) continue;
    error = round_trip / 2;
    const double server = std::stod(reply.at(0).string()) * 1e6 + std::stod(reply.at(1).string());
    skew = server - (before + error);
  }
  report_clock(patient, skew, error);
}

Task<void> look_at_latency(Patient& patient) {
  std::vector<double> times;
  times.reserve(pings);
  while (times.size() < pings) {
    const SteadyClock::time_point begin = SteadyClock::now();
    const Reply reply = co_await patient.link.call(Command("PING"));
    times.push_back(microseconds(SteadyClock::now() - begin));
    if (!reply.is_error()) continue;
    patient.out.unknown("latency", why_not(reply, "+ping"));
    co_return;
  }
  report_latency(patient.out, std::move(times));
}

Task<void> look_at_slow_log(Patient& patient) {
  const Reply reply = co_await patient.link.call(Command("SLOWLOG").arg("GET").arg(slow_entries));
  if (reply.kind() != Reply::Kind::array) {
    patient.out.unknown("slow log", why_not(reply, "+slowlog|get"));
    co_return;
  }
  report_slow_log(patient, reply);
}

}  // namespace coterie::brokers::redis
