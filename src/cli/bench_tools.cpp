// What the benchmark stands on: its jobs' contents, its statistics, the disk's own speed, a line of progress.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "src/cli/bench.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

// {"n":"000000000123","pad":"…"}: the number stands at a fixed place, so that the handler costs next to
// nothing.
constexpr std::string_view head = "{\"n\":\"";
constexpr std::size_t digits = 12;

std::string fill_up(std::string start, std::string_view member, std::size_t bytes, char with) {
  start.append(member);
  start.append(bytes - start.size() - 2, with);
  start.append("\"}");
  return start;
}

}  // namespace

std::string bench_payload(std::uint64_t n, std::uint32_t bytes) {
  std::string text;
  text.reserve(bytes);
  text.append(head);
  std::array<char, digits> number{};
  for (std::size_t i = digits; i-- > 0; n /= 10) number[i] = static_cast<char>('0' + n % 10);
  text.append(number.data(), digits);
  return fill_up(std::move(text), "\",\"payload\":\"", bytes, 'x');
}

std::string bench_result(const std::string& payload) {
  std::string text;
  text.reserve(bench_result_bytes);
  text.append(payload, 0, head.size() + digits);
  return fill_up(std::move(text), "\",\"result\":\"", bench_result_bytes, 'y');
}

std::uint64_t bench_number(const std::string& payload) {
  std::uint64_t n = 0;
  for (std::size_t i = head.size(); i < head.size() + digits && i < payload.size(); ++i)
    n = n * 10 + static_cast<std::uint64_t>(payload[i] - '0');
  return n;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size());
  const auto index = static_cast<std::size_t>(place > 0.5 ? place - 0.5 : 0);
  return values[std::min(index, values.size() - 1)];
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double measure_fsync_rate(const std::string& file) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(file, error).parent_path();
  std::string path = (folder / ".coterie-fsync-XXXXXX").string();
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return 0;
  ::unlink(path.c_str());
  const std::array<char, 4096> block{};
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  std::uint64_t count = 0;
  std::chrono::duration<double> spent{0};
  while (spent.count() < 1.0) {
    if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size()) ||
        ::fdatasync(fd) != 0) {
      count = 0;
      break;
    }
    ++count;
    spent = Clock::now() - start;
  }
  ::close(fd);
  return spent.count() > 0 ? static_cast<double>(count) / spent.count() : 0;
}

BenchProgress::BenchProgress() : terminal_(stderr_is_terminal()) {}

void BenchProgress::show(const std::string& text) {
  if (!terminal_) return;
  const std::size_t width = display_width(text);
  std::string line = "\r" + text;
  if (width < shown_) line.append(shown_ - width, ' ');
  shown_ = width;
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

void BenchProgress::clear() {
  if (terminal_) std::fputs("\r\x1b[K", stderr);
  shown_ = 0;
}

}  // namespace coterie::cli
