#include "events.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace chaos {

Events::Events(const std::string& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ >= 0) return;
  std::perror(path.c_str());
  std::exit(2);
}

void Events::write(std::string_view event, const std::string& fields) const noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);  // one clock for all processes, which no step moves
  const auto at =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
  std::string line = "{" + field("t", at) + "," + field("e", event);
  if (!fields.empty()) line.append(",").append(fields);
  line += "}\n";
  if (::write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) return;
  std::perror("chaos_agent: an event is lost");  // a history with holes proves nothing
  ::_exit(2);
}

std::string field(std::string_view key, std::string_view text) {
  std::string out = "\"";
  out.append(key).append("\":\"");
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string field(std::string_view key, std::uint64_t number) {
  return "\"" + std::string(key) + "\":" + std::to_string(number);
}

}  // namespace chaos
