#pragma once
#include <map>
#include <string>

namespace coterie::test {

/// Ids count up in the whole process and lines are those of this file: #1, #2… and `:L` instead. By hand:
/// <regex> takes seconds to compile.
inline std::string masked(const std::string& dump) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::map<std::string, std::size_t> ids;
  std::string result;
  for (std::size_t at = 0; at < dump.size();) {
    const char sign = dump[at++];
    result += sign;
    if (sign != ':' && sign != '#') continue;
    std::string number;
    while (at < dump.size() && is_digit(dump[at])) number += dump[at++];
    if (number.empty()) continue;
    result += sign == ':' ? "L" : std::to_string(ids.try_emplace(number, ids.size() + 1).first->second);
  }
  return result;
}

}  // namespace coterie::test
