#pragma once
#include <cstdlib>
#include <string>

namespace coterie::tests {

/// The value of a series in a page of metrics, "coterie_worker_busy" or `jobs{queue="x"}`; -1 where it is
/// not.
inline double value_of(const std::string& page, const std::string& series) {
  const std::size_t at = ("\n" + page).find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::strtod(page.c_str() + at + series.size(), nullptr);
}

/// So many series have this name, whatever their labels.
inline std::size_t count_of(const std::string& page, const std::string& name) {
  std::size_t count = 0;
  for (std::size_t at = page.find("\n" + name); at != std::string::npos;
       at = page.find("\n" + name, at + 1)) {
    const char next = page[at + 1 + name.size()];
    if (next == '{' || next == ' ') ++count;
  }
  return count;
}

}  // namespace coterie::tests
