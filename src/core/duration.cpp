#include "coterie/core/duration.hpp"

#include <cstdio>

namespace coterie {

std::string detail::seconds_text(std::chrono::duration<double> time) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", time.count());
  return text;
}

}  // namespace coterie
