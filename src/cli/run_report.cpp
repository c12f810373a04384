#include "src/cli/run_report.hpp"

#include <algorithm>

namespace coterie::cli {
namespace {

constexpr std::size_t output_lines = 5;
constexpr std::size_t why_width = 24;

/// The last lines of an output, indented; nothing for an empty one.
void print_output(Output& out, const ExecEnd& end) {
  std::string_view text = end.output;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.empty()) return;
  std::size_t start = text.size();
  for (std::size_t lines = 0; lines < output_lines && start != 0; ++lines) {
    const std::size_t newline = text.rfind('\n', start - 1);
    start = newline == std::string_view::npos ? 0 : newline;
  }
  if (start != 0 || end.truncated) out.line("        …");
  text.remove_prefix(start != 0 ? start + 1 : 0);
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    out.line("        " + clip(printable(text.substr(0, newline)), 160));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
}

std::string unless_none(std::uint64_t count, const char* what) {
  return count == 0 ? "" : ", " + human_count(count) + " " + what;
}

}  // namespace

void print_report(Output& out, const RunReport& report) {
  if (!report.failures.empty()) {
    out.line("  LINE  TRIES  WHY                       COMMAND");
    for (const RunReport::Failure& failure : report.failures) {
      char head[64];
      std::snprintf(head, sizeof head, "%6llu  %5u  ", static_cast<unsigned long long>(failure.line),
                    failure.attempts);
      std::string why =
          clip(printable(failure.end.message.empty() ? failure.state : failure.end.message), why_width);
      why.append(why_width - std::min(why_width, display_width(why)), ' ');
      out.line(head + why + "  " + clip(printable(failure.command), 100));
      print_output(out, failure.end);
    }
    const std::uint64_t all = report.failed + report.cancelled;
    if (all > report.failures.size()) {
      out.line("  … and " + human_count(all - report.failures.size()) + " more: coterie jobs --broker " +
               shell_word(report.broker) + " --queue " + report.queue + " --state dead");
    }
    out.line("");
  }
  std::string line =
      human_count(report.done) + " of " + counted(report.lines, "command") + " succeeded" +
      unless_none(report.failed, "failed") + unless_none(report.cancelled, "cancelled") +
      unless_none(report.forgotten - report.unknown, "succeeded so long ago that nothing is kept of them") +
      unless_none(report.unknown,
                  "of which nothing is kept, and that may have failed (--fresh runs all anew)");
  if (report.before > 0) line += " (" + human_count(report.before) + " had ended before)";
  line += "; " + human_time(static_cast<std::int64_t>(report.seconds * 1000));
  if (report.executed > 1 && report.seconds > 0) {
    char rate[48];
    std::snprintf(rate, sizeof rate, ", %.1f/s", static_cast<double>(report.executed) / report.seconds);
    line += rate;
  }
  out.line(line);
}

void print_report_json(Output& out, const RunReport& report) {
  std::string failures = "[";
  for (const RunReport::Failure& failure : report.failures) {
    JsonObject one;
    one.add("id", failure.id).add("line", failure.line).add("command", failure.command);
    one.add("state", failure.state).add("attempts", failure.attempts);
    if (failure.end.exit_code) one.add("exit_code", *failure.end.exit_code);
    if (!failure.end.signal.empty()) one.add("signal", failure.end.signal);
    one.add("error_type", failure.end.error)
        .add("error", failure.end.message)
        .add("output", failure.end.output);
    failures.append(failures.size() > 1 ? "," : "").append(one.str());
  }
  failures += "]";
  JsonObject json;
  json.add("run", report.run).add("generation", report.generation).add("broker", report.broker);
  json.add("queue", report.queue)
      .add("lines", report.lines)
      .add("done", report.done)
      .add("failed", report.failed);
  json.add("cancelled", report.cancelled)
      .add("forgotten", report.forgotten)
      .add("unknown", report.unknown)
      .add("before", report.before)
      .add("pending", report.pending)
      .add("stopped", report.stopped);
  json.add("executed", report.executed).add("seconds", report.seconds);
  json.add("per_s", report.seconds > 0 ? static_cast<double>(report.executed) / report.seconds : 0.0);
  if (!report.results.empty()) json.add("results", report.results);
  json.raw("failures", failures);
  out.line(json.str());
}

}  // namespace coterie::cli
