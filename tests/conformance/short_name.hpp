#pragma once
#include <string>

namespace coterie::test {

/// A function without what it is a member of.
inline std::string short_name(const std::string& function) {
  const auto colon = function.rfind("::");
  return colon == std::string::npos ? function : function.substr(colon + 2);
}

}  // namespace coterie::test
