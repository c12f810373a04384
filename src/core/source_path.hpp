#pragma once
#include <string_view>

namespace coterie::detail {

/// A file as people look for it, relative to the root of its sources. A compiler that is called in a build
/// folder may have been told ../../src/loop.cpp.
constexpr std::string_view source_path(std::string_view file) noexcept {
  while (file.starts_with("../")) file.remove_prefix(3);
  return file;
}

}  // namespace coterie::detail
