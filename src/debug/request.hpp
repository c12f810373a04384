#pragma once
#include <string>
#include <string_view>

#include "coterie/debug/dump.hpp"

namespace coterie::debug {

/// What is asked of a process, as one line of text:
///
///     dump group older_ms=2000 class=3 state=waiting name=fetch%20page task=17
///
/// `info`: pid, program, loops, tasks, uptime. `dump`: see format_dump(); with `json`, as JSON. `ps` and
/// `tree`: asyncio's table and tree.
struct Request {
  enum class What : std::uint8_t { info, dump, ps, tree };
  What what = What::dump;
  bool json = false;
  DumpOptions options;

  Request() = default;
};

inline constexpr std::size_t longest_request = 4096;

/// Without the newline.
[[nodiscard]] std::string format_request(const Request& request);
/// std::invalid_argument says what is wrong with it.
[[nodiscard]] Request parse_request(std::string_view line);

}  // namespace coterie::debug
