#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coterie::cli::top {

/// What a piece of text is, for a terminal to show it by: with colours, or in bold and reverse without.
enum class Tone : std::uint8_t {
  plain,
  faint,   ///< beside the point
  strong,  ///< headings
  good,
  warn,
  bad,
  chosen,  ///< the row or the page that keys act on
};

struct Span {
  std::string text;
  Tone tone = Tone::plain;
};

/// A line of a screen. Text is made printable as it comes in: escapes in names are seen, and do nothing.
class Line {
 public:
  Line& add(std::string_view text, Tone tone = Tone::plain);
  /// Blanks up to a column; nothing where the line is that long already.
  Line& fill(std::size_t column, Tone tone = Tone::plain);
  /// Everything in this tone.
  Line& paint(Tone tone);
  /// At most so many columns, with an ellipsis where something was cut.
  void clip(std::size_t columns);

  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] const std::vector<Span>& spans() const noexcept { return spans_; }
  /// Without the blanks at its end.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Span> spans_;
  std::size_t width_ = 0;
};

/// As many lines as the terminal has, none wider than it.
using Screen = std::vector<Line>;

/// For a locale that is not UTF-8: what is not ASCII becomes '?', and a wide character two of them.
[[nodiscard]] std::string only_ascii(std::string_view printable_text);

}  // namespace coterie::cli::top
