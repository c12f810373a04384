#include "src/brokers/move_note.hpp"

#include <unistd.h>

#include <array>

#include "coterie/queue/broker.hpp"

namespace coterie::brokers {
namespace {

/// As a shell reads it: these have passed the broker's own rules for names.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string command(const std::string& from, const std::string& to) {
  return "coterie move --from " + quoted(from) + " --to " + quoted(to);
}

/// Where commands with that place's URL are to be said.
std::string there(const MovePlace& place) {
  return place.elsewhere().empty() ? "" : "on host " + quoted(place.host) + ": ";
}

void report_move(Findings& out, const std::string& url, const std::string& text) {
  if (text.empty()) return;
  const std::optional<MoveNote> note = read_move_note(text);
  if (!note) {
    out.warning("move", "one of a newer version of coterie has not ended",
                "its queues are paused here until it has", "look with that version");
    return;
  }
  std::string queues;
  for (const std::string& queue : note->queues) queues += " --queue " + quoted(queue);
  const MovePlace target = note->target();
  const std::string to = note->to + target.elsewhere();
  const std::string on = command(url, note->to) + queues;
  if (!note->owner.empty() && queue::may_be_alive(note->owner)) {
    out.warning("move", "one to " + to + " is under way (" + note->owner + ")",
                "its queues are paused here until it has ended",
                "wait for it; if that process is gone, " + there(target) + on + " --take-over");
    return;
  }
  out.problem(
      "move", "one to " + to + " has not ended, and nobody is at it",
      "its queues stay paused here, and nothing that waits in them runs; jobs of its last batch may be "
      "there already, and are in both places",
      there(target) + on + " goes on with it; " + command(note->to, url) + queues +
          " takes everything back and ends it");
}

void report_sources(Findings& out, const std::string& url, const std::string& text) {
  const std::optional<std::vector<MovePlace>> sources = read_move_sources(text);
  if (!sources) {
    out.warning("move to here", "one of a newer version of coterie has not ended",
                "nothing is moved on from here until it has", "look with that version");
    return;
  }
  for (const MovePlace& source : *sources)
    out.warning("move to here", "one from " + source.url + source.elsewhere() + " has not ended",
                "what it has sent may be in both places; nothing is moved on from here until it has",
                "look with `coterie doctor --broker` there; " + there(source) + command(source.url, url) +
                    " goes on with it, " + command(url, source.url) +
                    " takes everything back; with --queue where it was begun so");
}

}  // namespace

std::string MovePlace::elsewhere() const {
  return host.empty() || host == this_host() ? "" : " (so called on host " + quoted(host) + ")";
}

MovePlace MoveNote::target() const {
  MovePlace place;
  place.id = to_id.value_or("");
  place.url = to;
  place.host = host.value_or("");
  return place;
}

std::string this_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::optional<MoveNote> read_move_note(const std::string& text) {
  try {
    MoveNote note = queue::from_json<MoveNote>(text);
    if (note.version == MoveNote().version) return note;
  } catch (const queue::JsonError&) {
    // A newer one may also look quite different.
  }
  return std::nullopt;
}

std::optional<std::vector<MovePlace>> read_move_sources(const std::string& text) {
  std::vector<MovePlace> sources;
  if (text.empty()) return sources;
  try {
    return queue::from_json<std::vector<MovePlace>>(text);
  } catch (const queue::JsonError&) {
    // As it was before places had ids.
  }
  try {
    for (std::string& url : queue::from_json<std::vector<std::string>>(text))
      sources.emplace_back().url = std::move(url);
    return sources;
  } catch (const queue::JsonError&) {
    return std::nullopt;
  }
}

void report_moves(Findings& out, const std::string& url, const std::string& note,
                  const std::string& sources) {
  report_move(out, url, note);
  report_sources(out, url, sources);
}

}  // namespace coterie::brokers
