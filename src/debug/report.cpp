#include "src/debug/report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

#include "src/core/json_writer.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

struct Counts {
  std::size_t tasks = 0;
  std::size_t running = 0;
  std::size_t ready = 0;
  std::size_t waiting = 0;
  std::size_t cancelling = 0;
};

Counts count(const Report& report) {
  Counts counts;
  for (const LoopSnapshot& loop : report.loops)
    for (const TaskSnapshot& task : loop.tasks) {
      ++counts.tasks;
      if (task.runs) ++counts.running;
      if (task.ready) ++counts.ready;
      if (task.wait.kind != WaitKind::none) ++counts.waiting;
      if (task.state == TaskState::cancelling) ++counts.cancelling;
    }
  return counts;
}

std::string headline(const Report& report) {
  const Counts counts = count(report);
  char took[32];
  std::snprintf(took, sizeof took, "%.1f", std::chrono::duration<double, std::milli>(report.took).count());
  return "coterie dump v1  pid " + std::to_string(report.pid) + " " + printable(report.program) + "  up " +
         time_text(report.uptime) + "  loops " + std::to_string(report.loops.size()) + "  tasks " +
         std::to_string(counts.tasks) + " (" + std::to_string(counts.running) + " running, " +
         std::to_string(counts.ready) + " ready, " + std::to_string(counts.waiting) + " waiting, " +
         std::to_string(counts.cancelling) + " cancelling)  took " + took + " ms\n";
}

std::string loop_line(const LoopSnapshot& loop, std::size_t number) {
  std::string line = "loop " + std::to_string(number);
  if (loop.thread != 0)
    line += "  thread " + std::to_string(loop.thread);
  else
    line += "  does not run";
  if (!loop.synchronised) line += "  UNSYNCHRONISED";
  if (!loop.problem.empty()) line += "  " + printable(loop.problem);
  return line + "\n";
}

std::string native_stack(const LoopSnapshot& loop) {
  std::string text;
  for (const std::string& frame : loop.native_stack)
    text += (text.empty() ? "native stack:\n   at " : "   at ") + printable(frame) + "\n";
  return text;
}

std::string dump_text(const Report& report, const DumpOptions& options) {
  std::string text = headline(report);
  if (!report.problem.empty()) text += printable(report.problem) + "\n";
  for (std::size_t i = 0; i < report.loops.size(); ++i)
    text += loop_line(report.loops[i], i + 1) + native_stack(report.loops[i]) +
            format_dump(report.loops[i], options);
  return text;
}

std::string dump_json_text(const Report& report, const DumpOptions& options) {
  JsonArray loops;
  for (const LoopSnapshot& loop : report.loops) loops.raw(format_json(loop, options));
  JsonObject all;
  all.add("schema", 1).add("pid", report.pid).add("program", report.program);
  all.add("uptime_ms", report.uptime / std::chrono::milliseconds(1));
  all.add("took_us", report.took / std::chrono::microseconds(1));
  all.raw("problem", report.problem.empty() ? "null" : json_string(report.problem));
  return all.raw("loops", loops.str()).str() + "\n";
}

std::string info_text(const Report& report) {
  const bool blocked = std::any_of(report.loops.begin(), report.loops.end(), [](const LoopSnapshot& loop) {
    return !loop.synchronised && loop.thread != 0;
  });
  JsonObject info;
  info.add("pid", report.pid).add("program", report.program).add("loops", report.loops.size());
  info.add("tasks", count(report).tasks).add("uptime_ms", report.uptime / std::chrono::milliseconds(1));
  return info.add("blocked", blocked).str() + "\n";
}

/// What the table and the tree cannot say in their own formats.
std::string warning(const LoopSnapshot& loop, std::size_t number) {
  return loop.synchronised && loop.problem.empty() ? "" : loop_line(loop, number);
}

/// Tasks of all loops in one table or forest, as asyncio has those of all threads.
std::string for_each_loop(const Report& report, const TaskFilter& filter,
                          std::string (*format)(const LoopSnapshot&)) {
  std::string text;
  for (std::size_t i = 0; i < report.loops.size(); ++i) {
    if (report.loops.size() > 1) text += "loop " + std::to_string(i + 1) + "\n";
    text += warning(report.loops[i], i + 1) + format(filtered(report.loops[i], filter));
  }
  return text;
}

}  // namespace

std::string answer(const Report& report, const Request& request) {
  switch (request.what) {
    case Request::What::info:
      return info_text(report);
    case Request::What::ps:
      return for_each_loop(report, request.options.filter, format_table);
    case Request::What::tree:
      return for_each_loop(report, request.options.filter, format_tree);
    case Request::What::dump:
      break;
  }
  return request.json ? dump_json_text(report, request.options) : dump_text(report, request.options);
}

std::string program_of(std::int64_t pid) {
  char path[4096];
  const ssize_t length = ::readlink(("/proc/" + std::to_string(pid) + "/exe").c_str(), path, sizeof path);
  if (length <= 0) return "";
  std::string_view name(path, static_cast<std::size_t>(length));
  constexpr std::string_view deleted = " (deleted)";
  if (name.ends_with(deleted)) name.remove_suffix(deleted.size());
  return std::string(name.substr(name.rfind('/') + 1));
}

Duration uptime_of(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  // The second field, a name in brackets, may hold spaces and brackets.
  std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return Duration::zero();
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const double seconds = static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 -
                         ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::max(0.0, seconds)));
}

}  // namespace coterie::debug
