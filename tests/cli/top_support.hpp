#pragma once
// What the tests of `coterie top` have in common.
#include <string>

#include "src/cli/top/keys.hpp"
#include "src/cli/top/render.hpp"

namespace coterie::cli::top {

using queue::JobInfo;
using queue::JobState;

inline constexpr queue::UnixMillis noon = 1'795'780'800'000;

inline JobInfo job(const std::string& id, const std::string& name, JobState state) {
  JobInfo info;
  info.id = *queue::parse_uuid("00000000-0000-7000-8000-0000000000" + id);
  info.queue = "mail";
  info.name = name;
  info.state = state;
  info.attempt = 1;
  info.max_attempts = 4;
  info.created_at = noon - 90'000;
  info.started_at = noon - 1500;
  info.worker = "host:17";
  info.payload = "{\"to\":\"ada\"}";
  return info;
}

inline QueueRow queue_row(const std::string& name, std::map<JobState, std::uint64_t> counts) {
  QueueRow row;
  row.info.name = name;
  row.info.counts = std::move(counts);
  return row;
}

inline Sample some_sample() {
  Sample sample;
  sample.broker = "sqlite://shop.db";
  sample.now = noon;
  sample.queues.push_back(
      queue_row("default", {{JobState::ready, 12'345}, {JobState::leased, 2}, {JobState::dead, 1}}));
  sample.queues.back().info.oldest_ready_at = noon - 62'000;
  sample.queues.back().ended_per_second = {0, 4, 8, 2};
  sample.queues.push_back(queue_row("报表", {{JobState::scheduled, 3}}));
  sample.queues.back().paused = true;
  sample.running = {job("01", "send_mail", JobState::leased), job("02", "resize", JobState::leased)};
  sample.running[0].progress = 0.42;
  sample.running[0].progress_note = "12 of 30\nmore";
  sample.running[1].attempt = 3;
  sample.running[1].worker = "host:18";
  sample.failed = {job("03", "charge", JobState::dead)};
  sample.failed[0].finished_at = noon - 5000;
  sample.failed[0].error = queue::JobError("exception", "card \x1b[31mrefused\x1b[0m");
  return sample;
}

inline std::string text_of(const Screen& screen) {
  std::string all;
  for (const Line& line : screen) all += line.text() + "\n";
  return all;
}

inline Look small() {
  Look look;
  look.width = 80;
  look.height = 10;
  return look;
}

inline View at(Page page) {
  View view;
  view.page = page;
  return view;
}

inline Key letter(char c) {
  return Key{Key::Kind::text, std::string(1, c)};
}

}  // namespace coterie::cli::top
