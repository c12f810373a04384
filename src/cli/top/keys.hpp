#pragma once
#include <string>

#include "src/cli/top/model.hpp"

namespace coterie::cli::top {

struct Key {
  enum class Kind : std::uint8_t {
    text,
    up,
    down,
    page_up,
    page_down,
    home,
    end,
    enter,
    escape,
    tab,
    back_tab,
    backspace
  };
  Kind kind = Kind::text;
  std::string text;  ///< one character, UTF-8
};

/// What a key does to the view, and what it asks for beside that. `rows`: how many fit on a page.
[[nodiscard]] Request press(View& view, const Sample& sample, const Key& key, std::size_t rows);

}  // namespace coterie::cli::top
