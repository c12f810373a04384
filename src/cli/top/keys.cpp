#include "src/cli/top/keys.hpp"

#include <algorithm>

#include "src/cli/top/listing.hpp"

namespace coterie::cli::top {
namespace {

using Kind = Key::Kind;
using queue::JobInfo;
using queue::JobState;

constexpr std::size_t filter_bytes = 200;

/// Down is positive; stops at the first and the last row.
void move(View& view, const Sample& sample, std::ptrdiff_t by) {
  if (view.open) {
    view.scrolled = by < 0 && view.scrolled < static_cast<std::size_t>(-by)
                        ? 0
                        : std::min<std::size_t>(view.scrolled + static_cast<std::size_t>(by), 100'000);
    return;
  }
  const Listing listing = listing_of(sample, view, true);
  if (listing.rows.empty()) return;
  const auto last = static_cast<std::ptrdiff_t>(listing.rows.size()) - 1;
  const auto at = static_cast<std::ptrdiff_t>(chosen_row(listing, view)) + by;
  view.chosen = listing.rows[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 0, last))].key;
}

void turn_to(View& view, int page) {
  view.page = static_cast<Page>((page + page_count) % page_count);
  view.open.reset();
  view.chosen.clear();
  view.sorted = 0;
  view.reversed = false;
}

const Row* chosen(const Listing& listing, const View& view) {
  return listing.rows.empty() ? nullptr : &listing.rows[chosen_row(listing, view)];
}

/// The job that keys act on: the one that is open, or the chosen row's.
std::optional<JobInfo> job_at(const View& view, const Sample& sample) {
  if (view.open) return sample.opened && sample.opened->id == *view.open ? sample.opened : std::nullopt;
  const Listing listing = listing_of(sample, view, true);
  const Row* row = chosen(listing, view);
  if (row == nullptr || !row->job) return std::nullopt;
  for (const std::vector<JobInfo>* jobs : {&sample.running, &sample.failed})
    for (const JobInfo& job : *jobs)
      if (job.id == *row->job) return job;
  return std::nullopt;
}

void ask(View& view, Request::Kind kind, const queue::JobId& job, const std::string& queue) {
  view.question.emplace();
  view.question->kind = kind;
  view.question->job = job;
  view.question->queue = queue;
}

void ask_about_job(View& view, const Sample& sample, Request::Kind kind) {
  const std::optional<JobInfo> job = job_at(view, sample);
  if (!job) {
    view.notice = "Choose a job first: 2 shows what runs, 3 what failed";
  } else if (kind == Request::Kind::cancel && is_final(job->state)) {
    view.notice = "It has ended: " + std::string(to_string(job->state));
  } else if (kind == Request::Kind::retry && (!is_final(job->state) || job->state == JobState::done)) {
    view.notice = "Only jobs that failed, were cancelled or expired can be run again";
  } else {
    ask(view, kind, job->id, "");
  }
}

void ask_about_queue(View& view, const Sample& sample) {
  const Listing listing = listing_of(sample, view, true);
  const Row* row = chosen(listing, view);
  if (view.page != Page::queues || row == nullptr) {
    view.notice = "Choose a queue first: 1 shows them";
    return;
  }
  for (const QueueRow& queue : sample.queues)
    if (queue.info.name == row->queue)
      ask(view, queue.paused ? Request::Kind::resume : Request::Kind::pause, {}, row->queue);
}

void type(View& view, const Key& key) {
  if (key.kind == Kind::enter) {
    view.typing = false;
  } else if (key.kind == Kind::escape) {
    view.typing = false;
    view.filter.clear();
  } else if (key.kind == Kind::backspace) {
    while (!view.filter.empty()) {
      const bool inside = (static_cast<unsigned char>(view.filter.back()) & 0xC0) == 0x80;
      view.filter.pop_back();
      if (!inside) break;
    }
  } else if (key.kind == Kind::text && view.filter.size() + key.text.size() <= filter_bytes) {
    view.filter += key.text;
  }
}

Request back(View& view) {
  if (view.help) {
    view.help = false;
  } else if (view.open) {
    view.open.reset();
  } else {
    view.filter.clear();
  }
  return {};
}

Request open_chosen(View& view, const Sample& sample) {
  if (view.open) return {};
  const std::optional<JobInfo> job = job_at(view, sample);
  if (!job) return {};
  view.open = job->id;
  view.scrolled = 0;
  Request look;
  look.kind = Request::Kind::look;
  return look;
}

Request letter(View& view, const Sample& sample, char c) {
  Request request;
  switch (c) {
    case 'q':
      request.kind = Request::Kind::quit;
      break;
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
      turn_to(view, c - '1');
      break;
    case 'j':
      move(view, sample, 1);
      break;
    case 'k':
      move(view, sample, -1);
      break;
    case 'g':
      move(view, sample, -1'000'000);
      break;
    case 'G':
      move(view, sample, 1'000'000);
      break;
    case '/':
      view.typing = !view.open;
      break;
    case 's':
      view.sorted = (view.sorted + 1) % (listing_of(sample, view, true).columns.size() + 1);
      break;
    case 'S':
      view.reversed = !view.reversed;
      break;
    case 'p':
      view.held = !view.held;
      if (!view.held) request.kind = Request::Kind::look;
      break;
    case '?':
      view.help = !view.help;
      break;
    case 'c':
      ask_about_job(view, sample, Request::Kind::cancel);
      break;
    case 'r':
      ask_about_job(view, sample, Request::Kind::retry);
      break;
    case 'P':
      ask_about_queue(view, sample);
      break;
    default:
      break;
  }
  return request;
}

}  // namespace

Request press(View& view, const Sample& sample, const Key& key, std::size_t rows) {
  view.notice.clear();
  if (view.question) {
    const Request asked = *view.question;
    view.question.reset();
    return key.kind == Kind::text && (key.text == "y" || key.text == "Y") ? asked : Request();
  }
  if (view.typing) {
    type(view, key);
    return {};
  }
  const auto page = static_cast<std::ptrdiff_t>(std::max<std::size_t>(rows, 1));
  switch (key.kind) {
    case Kind::text:
      return key.text.size() == 1 ? letter(view, sample, key.text[0]) : Request();
    case Kind::up:
      move(view, sample, -1);
      break;
    case Kind::down:
      move(view, sample, 1);
      break;
    case Kind::page_up:
      move(view, sample, -page);
      break;
    case Kind::page_down:
      move(view, sample, page);
      break;
    case Kind::home:
      move(view, sample, -1'000'000);
      break;
    case Kind::end:
      move(view, sample, 1'000'000);
      break;
    case Kind::enter:
      return open_chosen(view, sample);
    case Kind::escape:
      return back(view);
    case Kind::tab:
      turn_to(view, static_cast<int>(view.page) + 1);
      break;
    case Kind::back_tab:
      turn_to(view, static_cast<int>(view.page) - 1);
      break;
    case Kind::backspace:
      break;
  }
  return {};
}

}  // namespace coterie::cli::top
