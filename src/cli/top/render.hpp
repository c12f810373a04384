#pragma once
#include <cstddef>

#include "src/cli/top/model.hpp"
#include "src/cli/top/screen.hpp"

namespace coterie::cli::top {

struct Look {
  std::size_t width = 80;
  std::size_t height = 24;
  bool utf8 = true;
};

/// The whole screen. Pure: what it needs is in its arguments. At most `height` lines of at most `width`
/// columns each.
[[nodiscard]] Screen render(const Sample& sample, const View& view, const Look& look);
/// Every page, one below the other, for where there is no terminal; as long as it gets.
[[nodiscard]] Screen render_all(const Sample& sample, std::size_t width);

}  // namespace coterie::cli::top
