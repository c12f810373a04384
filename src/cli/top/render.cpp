#include "src/cli/top/render.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include "src/cli/job_view.hpp"
#include "src/cli/output.hpp"
#include "src/cli/top/listing.hpp"

namespace coterie::cli::top {
namespace {

using queue::JobState;

constexpr std::array<const char*, page_count> page_names{"Queues", "Running", "Failed", "Workers", "Tasks"};

void add_right(Line& line, const std::string& text, std::size_t width, Tone tone) {
  const std::size_t wide = display_width(printable(text));
  if (line.width() + wide + 2 > width) return;
  line.fill(width - wide).add(text, tone);
}

Line head(const Sample& sample, const View& view, const Look& look) {
  Line line;
  line.add("coterie top", Tone::strong).add("  ").add(sample.broker);
  if (view.held)
    add_right(line, "held: p goes on", look.width, Tone::warn);
  else
    add_right(line, iso_time(sample.now).substr(0, 19) + "Z", look.width, Tone::faint);
  return line;
}

Line totals(const Sample& sample, const Look& look) {
  Line line;
  const auto add = [&](JobState state, const char* name, Tone tone) {
    const std::uint64_t count = sample.total(state);
    line.add(human_count(count), count == 0 ? Tone::faint : tone)
        .add(std::string(" ") + name + "   ", Tone::faint);
  };
  add(JobState::ready, "ready", Tone::strong);
  add(JobState::leased, "running", Tone::good);
  add(JobState::scheduled, "scheduled", Tone::strong);
  add(JobState::blocked, "blocked", Tone::strong);
  add(JobState::dead, "dead", Tone::bad);
  std::vector<double> sum;
  for (const QueueRow& queue : sample.queues) {
    const std::vector<double>& rates = queue.ended_per_second;
    if (rates.size() > sum.size()) sum.insert(sum.begin(), rates.size() - sum.size(), 0);
    for (std::size_t i = 0; i < rates.size(); ++i) sum[sum.size() - rates.size() + i] += rates[i];
  }
  if (sum.empty()) return line;
  const std::string rate = rate_text(mean_of_last(sum));
  const std::size_t room = look.width > line.width() ? look.width - line.width() : 0;
  if (room < rate.size() + 10) return line;
  const std::size_t columns = std::min<std::size_t>(room - rate.size() - 3, 40);
  line.fill(look.width - columns - rate.size() - 1).add(rate, Tone::strong).add(" ");
  line.add(sparkline(sum, columns, look.utf8), Tone::good);
  return line;
}

Line pages(const Sample& sample, const View& view) {
  const std::array<std::uint64_t, page_count> counts{sample.queues.size(), sample.total(JobState::leased),
                                                     sample.total(JobState::dead), 0, 0};
  Line line;
  for (int i = 0; i < page_count; ++i) {
    const bool here = static_cast<int>(view.page) == i;
    std::string text = " " + std::to_string(i + 1) + " " + page_names[static_cast<std::size_t>(i)];
    if (counts[static_cast<std::size_t>(i)] > 0)
      text += " " + human_count(counts[static_cast<std::size_t>(i)]);
    line.add(text + " ", here ? Tone::chosen : Tone::plain).add(" ");
  }
  return line;
}

std::string question_text(const Request& request) {
  switch (request.kind) {
    case Request::Kind::cancel:
      return "Cancel " + request.job.str() + "?";
    case Request::Kind::retry:
      return "Run " + request.job.str() + " again?";
    case Request::Kind::pause:
      return "Pause queue '" + request.queue + "'?";
    case Request::Kind::resume:
      return "Resume queue '" + request.queue + "'?";
    default:
      return "";
  }
}

Line foot(const Sample& sample, const View& view) {
  Line line;
  if (view.question) return line.add(question_text(*view.question) + "  y yes, else no", Tone::warn);
  if (view.typing)
    return line.add("/" + view.filter + "_", Tone::strong)
        .add("   Enter keeps it, Esc shows all", Tone::faint);
  if (!sample.trouble.empty()) return line.add(sample.trouble, Tone::bad);
  if (!view.notice.empty()) return line.add(view.notice, Tone::good);
  if (view.open) return line.add("Esc back   c cancel   r retry   q quit", Tone::faint);
  if (!view.filter.empty()) line.add("/" + view.filter + "   ", Tone::strong);
  const char* actions = view.page == Page::queues    ? "P pause or resume   "
                        : view.page == Page::running ? "Enter open   c cancel   "
                        : view.page == Page::failed  ? "Enter open   r retry   "
                                                     : "";
  return line.add(std::string(actions) + "/ filter   s sort   p hold   ? help   q quit", Tone::faint);
}

std::vector<Line> help_text() {
  constexpr std::array<std::array<const char*, 2>, 14> keys{{
      {"1 to 5, Tab", "pages: queues, what runs, what failed for good, workers,"},
      {"", "tasks of this machine's processes with their stacks"},
      {"up down, j k", "choose a row; PgUp PgDn, g and G for the first and the last"},
      {"Enter", "open the job"},
      {"Esc", "back; shows all again"},
      {"/", "only rows that contain a text"},
      {"s  S", "sort by the next column; the other way round"},
      {"p", "hold the screen, and go on"},
      {"c", "cancel the job: asks first"},
      {"r", "run a failed job again: asks first"},
      {"P", "pause the queue, or resume it: asks first"},
      {"?", "this"},
      {"q, Ctrl-C", "quit"},
      {"", "RATE is jobs that end a second, less those that are forgotten."},
  }};
  std::vector<Line> lines;
  for (const auto& [key, what] : keys) {
    lines.emplace_back();
    lines.back().add(key, Tone::strong).fill(16).add(what);
  }
  return lines;
}

std::vector<Line> job_text(const Sample& sample, const View& view) {
  std::vector<Line> lines;
  if (!sample.opened || sample.opened->id != view.open) {
    lines.emplace_back().add(sample.trouble.empty() ? "No such job, or its record is gone." : "",
                             Tone::faint);
    return lines;
  }
  for (const std::string& text : job_lines(*sample.opened, sample.now)) lines.emplace_back().add(text);
  return lines;
}

/// Lines of which a part is shown, however far somebody has scrolled.
void add_scrolled(Screen& screen, std::vector<Line> lines, std::size_t scrolled, std::size_t room) {
  const std::size_t most = lines.size() > room ? lines.size() - room : 0;
  const std::size_t first = std::min(scrolled, most);
  for (std::size_t i = first; i < lines.size() && i < first + room; ++i)
    screen.push_back(std::move(lines[i]));
}

}  // namespace

Screen render(const Sample& sample, const View& view, const Look& look) {
  Screen screen;
  screen.push_back(head(sample, view, look));
  screen.push_back(totals(sample, look));
  screen.push_back(pages(sample, view));
  screen.emplace_back();
  const std::size_t above = screen.size();
  const std::size_t room = look.height > above + 1 ? look.height - above - 1 : 0;
  if (view.help) {
    add_scrolled(screen, help_text(), 0, room);
  } else if (view.open) {
    add_scrolled(screen, job_text(sample, view), view.scrolled, room);
  } else {
    for (Line& line : render_listing(listing_of(sample, view, look.utf8), view, look.width, room))
      screen.push_back(std::move(line));
  }
  while (screen.size() + 1 < look.height) screen.emplace_back();
  screen.push_back(foot(sample, view));
  if (screen.size() > look.height) screen.resize(look.height);
  for (Line& line : screen) line.clip(look.width);
  return screen;
}

Screen render_all(const Sample& sample, std::size_t width) {
  Look look;
  look.width = width;
  View view;
  Screen screen{head(sample, view, look), totals(sample, look)};
  for (int i = 0; i < page_count; ++i) {
    view.page = static_cast<Page>(i);
    const Listing listing = listing_of(sample, view, look.utf8);
    screen.emplace_back();
    screen.emplace_back().add(page_names[static_cast<std::size_t>(i)], Tone::strong);
    if (listing.rows.empty()) screen.emplace_back().add(listing.nothing, Tone::faint);
    if (listing.rows.empty()) continue;
    for (Line& line : render_listing(listing, view, width, listing.rows.size() + 1))
      screen.push_back(std::move(line));
  }
  for (Line& line : screen) line.clip(width);
  return screen;
}

}  // namespace coterie::cli::top
