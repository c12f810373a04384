#include "src/metrics/process.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>

#include "coterie/core/runtime_counts.hpp"

namespace coterie::metrics {
namespace {

constexpr Family build{"coterie_build_info", Type::gauge, "1; the version of Coterie is the label"};
constexpr Family spawned{"coterie_tasks_spawned_total", Type::counter, "Tasks that were spawned"};
constexpr Family cancelled{"coterie_tasks_cancelled_total", Type::counter, "Tasks that ended as cancelled"};
constexpr Family unobserved{"coterie_tasks_failed_unobserved_total", Type::counter,
                            "Tasks whose exception nobody looked at"};
constexpr Family long_steps{
    "coterie_long_polls_total", Type::counter,
    "Steps that held a loop for too long; counted where LoopOptions::long_step or debug mode looks"};
constexpr Family cpu{"process_cpu_seconds_total", Type::counter, "User and system CPU time"};
constexpr Family resident{"process_resident_memory_bytes", Type::gauge, "Resident memory"};
constexpr Family virtual_size{"process_virtual_memory_bytes", Type::gauge, "Address space"};
constexpr Family started{"process_start_time_seconds", Type::gauge, "When the process began, since 1970"};
constexpr Family threads{"process_threads", Type::gauge, "Threads of the process"};
constexpr Family open_fds{"process_open_fds", Type::gauge, "Open descriptors"};
constexpr Family max_fds{"process_max_fds", Type::gauge, "How many descriptors may be open"};

std::string read_small(const char* path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "re"), &std::fclose);
  char buffer[4096];
  return file ? std::string(buffer, std::fread(buffer, 1, sizeof buffer, file.get())) : std::string();
}

/// The number behind `key` at the beginning of a line; NaN where there is none.
double number_after(const std::string& text, const std::string& key) {
  const std::size_t at = ("\n" + text).find("\n" + key);
  return at == std::string::npos ? std::nan("") : std::strtod(text.c_str() + at + key.size(), nullptr);
}

/// /proc/self/stat counts from the boot, whose time /proc/stat has behind hundreds of numbers: uptime is
/// shorter.
double start_time() {
  static const double at = [] {
    const std::string stat = read_small("/proc/self/stat");
    const std::size_t comm_end = stat.rfind(')');
    if (comm_end == std::string::npos) return std::nan("");
    const char* at_field = stat.c_str() + comm_end + 1;  // before field 3; the start is field 22
    for (int field = 3; field < 22 && at_field != nullptr; ++field) {
      at_field = std::strchr(at_field + 1, ' ');
    }
    if (at_field == nullptr) return std::nan("");
    const double since_boot = std::strtod(at_field, nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
    const double up = std::strtod(read_small("/proc/uptime").c_str(), nullptr);
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 - up + since_boot;
  }();
  return at;
}

double count_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), &closedir);
  if (!folder) return std::nan("");
  int entries = -3;  // ".", "..", and the folder itself
  while (readdir(folder.get()) != nullptr) ++entries;
  return entries;
}

void add_known(Snapshot& into, const Family& family, double value) {
  if (!std::isnan(value)) into.add(family, {}, value);
}

}  // namespace

void collect_build(Snapshot& into) {
  into.add(build, {{"version", COTERIE_VERSION}}, 1);
}

void collect_process(Snapshot& into) {
  collect_build(into);
  const RuntimeCounts counts = runtime_counts();
  into.add(spawned, {}, static_cast<double>(counts.spawned));
  into.add(cancelled, {}, static_cast<double>(counts.cancelled));
  into.add(unobserved, {}, static_cast<double>(counts.failed_unobserved));
  into.add(long_steps, {}, static_cast<double>(counts.long_steps));

  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  into.add(cpu, {}, seconds(used.ru_utime) + seconds(used.ru_stime));
  const std::string status = read_small("/proc/self/status");
  add_known(into, resident, number_after(status, "VmRSS:") * 1024);
  add_known(into, virtual_size, number_after(status, "VmSize:") * 1024);
  add_known(into, threads, number_after(status, "Threads:"));
  add_known(into, started, start_time());
  add_known(into, open_fds, count_descriptors());
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) into.add(max_fds, {}, static_cast<double>(limit.rlim_cur));
}

}  // namespace coterie::metrics
