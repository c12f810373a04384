#include "src/cli/top/screen.hpp"

#include "src/cli/output.hpp"

namespace coterie::cli::top {

Line& Line::add(std::string_view text, Tone tone) {
  if (text.empty()) return *this;
  spans_.push_back({printable(text), tone});
  width_ += display_width(spans_.back().text);
  return *this;
}

Line& Line::fill(std::size_t column, Tone tone) {
  return width_ < column ? add(std::string(column - width_, ' '), tone) : *this;
}

Line& Line::paint(Tone tone) {
  for (Span& span : spans_) span.tone = tone;
  return *this;
}

void Line::clip(std::size_t columns) {
  if (width_ <= columns) return;
  std::size_t used = 0;
  for (std::size_t i = 0; i < spans_.size(); ++i) {
    const std::size_t wide = display_width(spans_[i].text);
    // One column is kept for the ellipsis of what follows.
    if (used + wide < columns) {
      used += wide;
      continue;
    }
    std::string rest;
    for (std::size_t k = i; k < spans_.size(); ++k) rest += spans_[k].text;
    spans_[i].text = cli::clip(rest, columns - used);
    spans_.resize(i + 1);
    width_ = used + display_width(spans_[i].text);
    return;
  }
}

std::string Line::text() const {
  std::string all;
  for (const Span& span : spans_) all += span.text;
  return all.substr(0, all.find_last_not_of(' ') + 1);
}

std::string only_ascii(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    const std::string_view character = text.substr(at, end - at);
    if (static_cast<unsigned char>(character[0]) < 0x80)
      out.append(character);
    else
      out.append(display_width(character), '?');
    at = end;
  }
  return out;
}

}  // namespace coterie::cli::top
