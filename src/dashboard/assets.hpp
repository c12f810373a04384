#pragma once
#include <cstddef>
#include <span>
#include <string_view>

namespace coterie::dashboard {

/// A file of web/ or of the packages that it uses, as the build put it into this binary.
struct Asset {
  std::string_view path;  ///< "app.js"
  std::string_view type;  ///< its Content-Type
  std::string_view etag;  ///< in quotes, made of its content
  std::string_view plain;
  std::string_view gzip;
};

/// Empty in a build without pages.
[[nodiscard]] std::span<const Asset> assets() noexcept;
/// Names all of them together: part of their URLs, so that browsers may keep them for good.
[[nodiscard]] std::string_view assets_build() noexcept;

}  // namespace coterie::dashboard
