#pragma once
#include <string>
#include <vector>

#include "src/cli/top/model.hpp"
#include "src/cli/top/screen.hpp"

namespace coterie::cli::top {

struct Column {
  std::string title;
  bool right = false;
  int importance = 9;         ///< the least important go first where there is no room
  std::size_t widest = 24;    ///< longer cells are cut
  std::size_t rest_from = 0;  ///< takes what is left of the width, from so much on; one of a listing at most
};

struct Cell {
  std::string text;
  double number = 0;  ///< what numbers are sorted by; texts by themselves
  Tone tone = Tone::plain;
};

struct Row {
  std::string key;  ///< the same thing has the same key in the next sample
  std::vector<Cell> cells;
  std::optional<queue::JobId> job;
  std::string queue;
};

/// A page's table, whole: filtered and sorted as the view says.
struct Listing {
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::size_t hidden = 0;  ///< rows that the filter leaves out
  bool unfolds = false;    ///< of the chosen row the last column is shown whole, in as many lines as it takes
  std::string note;        ///< below the rows
  std::string nothing;     ///< what to say, and to type, where there is no row
};

/// `utf8`: the terminal knows more than ASCII.
[[nodiscard]] Listing listing_of(const Sample& sample, const View& view, bool utf8);
/// What the view's filter leaves, in its order.
void arrange(Listing& listing, const View& view);
/// Where the chosen row is; 0 where it is gone.
[[nodiscard]] std::size_t chosen_row(const Listing& listing, const View& view);

/// The last `columns` values as bars, the highest of them full.
[[nodiscard]] std::string sparkline(const std::vector<double>& values, std::size_t columns, bool utf8);
/// "-", "0.2/s", "512/s", "18k/s".
[[nodiscard]] std::string rate_text(double per_second);

/// Header and rows in a frame of so many columns and lines, the chosen row among them.
[[nodiscard]] std::vector<Line> render_listing(const Listing& listing, const View& view, std::size_t width,
                                               std::size_t height);

}  // namespace coterie::cli::top
