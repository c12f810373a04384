#include "src/cli/top/listing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "src/cli/output.hpp"

namespace coterie::cli::top {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

bool matches(const Row& row, const std::string& wanted) {
  return std::any_of(row.cells.begin(), row.cells.end(), [&wanted](const Cell& cell) {
    return lower(cell.text).find(wanted) != std::string::npos;
  });
}

/// Numbers the greatest first, texts from A to Z.
bool goes_before(const Cell& a, const Cell& b) {
  return a.number != b.number ? a.number > b.number : a.text < b.text;
}

std::size_t width_of(const Listing& listing, std::size_t column) {
  std::size_t widest =
      display_width(listing.columns[column].title) + 1;  // and the mark of what it is sorted by
  for (const Row& row : listing.rows)
    widest = std::max(widest, display_width(printable(row.cells[column].text)));
  return std::min(widest, listing.columns[column].widest);
}

constexpr std::size_t gap = 2;

/// The columns that fit and how wide each is; the others are 0.
std::vector<std::size_t> fit(const Listing& listing, std::size_t width) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < listing.columns.size(); ++i)
    widths.push_back(listing.columns[i].rest_from > 0 ? listing.columns[i].rest_from : width_of(listing, i));
  for (;;) {
    std::size_t used = 0;
    for (const std::size_t wide : widths) used += wide == 0 ? 0 : wide + gap;
    if (used <= width + gap) {
      for (std::size_t i = 0; i < widths.size(); ++i)
        if (listing.columns[i].rest_from > 0 && widths[i] != 0) widths[i] += width + gap - used;
      return widths;
    }
    std::size_t least = widths.size();
    std::size_t left = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] == 0) continue;
      ++left;
      if (least == widths.size() || listing.columns[i].importance < listing.columns[least].importance)
        least = i;
    }
    if (left <= 1) return widths;  // what is too long is cut
    widths[least] = 0;
  }
}

void add_cell(Line& line, std::string_view text, Tone tone, std::size_t width, bool right) {
  const std::string shown = clip(printable(text), width);
  const std::size_t pad = width - std::min(width, display_width(shown));
  if (right) line.add(std::string(pad, ' '), tone);
  line.add(shown, tone);
  if (!right) line.add(std::string(pad, ' '), tone);
}

/// What of a text is left behind each line that it takes.
std::vector<std::string> rests(const std::string& text, std::size_t width) {
  constexpr std::size_t least = 8;  // else a line may have no room for a sign
  const std::size_t mark = std::string_view("…").size();
  std::vector<std::string> found;
  std::string rest = printable(text);
  while (width >= least && display_width(rest) > width) {
    rest.erase(0, clip(rest, width).size() - mark);
    found.push_back(rest);
  }
  return found;
}

}  // namespace

void arrange(Listing& listing, const View& view) {
  const std::string wanted = lower(view.filter);
  const std::size_t all = listing.rows.size();
  std::erase_if(listing.rows, [&wanted](const Row& row) { return !matches(row, wanted); });
  listing.hidden = all - listing.rows.size();
  if (view.sorted > 0 && view.sorted <= listing.columns.size())
    std::stable_sort(listing.rows.begin(), listing.rows.end(), [&view](const Row& a, const Row& b) {
      return goes_before(a.cells[view.sorted - 1], b.cells[view.sorted - 1]);
    });
  if (view.reversed) std::reverse(listing.rows.begin(), listing.rows.end());
}

std::size_t chosen_row(const Listing& listing, const View& view) {
  for (std::size_t i = 0; i < listing.rows.size(); ++i)
    if (listing.rows[i].key == view.chosen) return i;
  return 0;
}

std::string sparkline(const std::vector<double>& values, std::size_t columns, bool utf8) {
  static constexpr const char* blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr const char* letters[] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};
  const std::size_t first = values.size() > columns ? values.size() - columns : 0;
  double most = 0;
  for (std::size_t i = first; i < values.size(); ++i) most = std::max(most, values[i]);
  std::string out(columns - (values.size() - first), ' ');
  for (std::size_t i = first; i < values.size(); ++i) {
    // The least that happened is seen.
    const auto level =
        most > 0 ? static_cast<std::size_t>(std::ceil(std::max(values[i], 0.0) / most * 8)) : 0;
    out += utf8 ? blocks[level] : letters[level];
  }
  return out;
}

std::string rate_text(double per_second) {
  if (per_second < 0) return "-";
  char text[32];
  if (per_second >= 10'000)
    std::snprintf(text, sizeof text, "%.0fk/s", per_second / 1000);
  else
    std::snprintf(text, sizeof text, per_second < 10 && per_second > 0 ? "%.1f/s" : "%.0f/s", per_second);
  return text;
}

std::vector<Line> render_listing(const Listing& listing, const View& view, std::size_t width,
                                 std::size_t height) {
  std::vector<Line> lines;
  if (height == 0) return lines;
  const std::vector<std::size_t> widths = fit(listing, width);
  const auto draw = [&](auto&& cell_of) {
    Line line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] == 0) continue;
      if (line.width() > 0) line.add(std::string(gap, ' '));
      const auto [text, tone] = cell_of(i);
      add_cell(line, text, tone, widths[i], listing.columns[i].right);
    }
    line.clip(width);
    return line;
  };
  lines.push_back(draw([&](std::size_t i) {
    const char* mark = view.sorted != i + 1 ? "" : view.reversed ? "^" : "v";
    return std::pair(listing.columns[i].title + mark, Tone::strong);
  }));
  const std::size_t room = height - 1 - (listing.note.empty() || height < 4 ? 0 : 1);
  const std::size_t chosen = chosen_row(listing, view);
  std::vector<std::string> more;
  if (listing.unfolds && !listing.rows.empty())
    more = rests(listing.rows[chosen].cells.back().text, widths.back());
  more.resize(std::min(more.size(), room > 0 ? room - 1 : 0));
  const std::size_t last = chosen + more.size();  // line that the chosen row takes
  const std::size_t first = last >= room ? last - room + 1 : 0;
  for (std::size_t at = first; at < listing.rows.size() && lines.size() < room + 1; ++at) {
    const Row& row = listing.rows[at];
    lines.push_back(draw([&](std::size_t i) { return std::pair(row.cells[i].text, row.cells[i].tone); }));
    if (at != chosen) continue;
    lines.back().fill(width).paint(Tone::chosen);
    for (const std::string& rest : more) {
      lines.push_back(draw([&](std::size_t i) {
        return std::pair(i + 1 < widths.size() ? std::string() : rest, row.cells[i].tone);
      }));
      lines.back().fill(width).paint(Tone::chosen);
    }
  }
  if (room + 1 < height) {
    lines.emplace_back().add(listing.note, Tone::faint);
    lines.back().clip(width);
  }
  if (listing.rows.empty() && room > 1) {
    lines.emplace_back();
    Line line;
    line.add(
        listing.hidden > 0 ? "Nothing here contains '" + view.filter + "'; Esc shows all." : listing.nothing,
        Tone::faint);
    line.clip(width);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace coterie::cli::top
