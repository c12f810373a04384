#include "src/brokers/move_note.hpp"

#include "coterie/queue/broker.hpp"

namespace coterie::brokers {
namespace {

/// As a shell reads it: these have passed the broker's own rules for names.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

std::optional<MoveNote> read_move_note(const std::string& text) {
  try {
    MoveNote note = queue::from_json<MoveNote>(text);
    if (note.version == MoveNote().version) return note;
  } catch (const queue::JsonError&) {
    // A newer one may also look quite different.
  }
  return std::nullopt;
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
  const std::string on = "coterie move --from " + quoted(url) + " --to " + quoted(note->to) + queues;
  if (!note->owner.empty() && queue::may_be_alive(note->owner)) {
    out.warning("move", "one to " + note->to + " is under way (" + note->owner + ")",
                "its queues are paused here until it has ended",
                "wait for it; if that process is gone: " + on + " --take-over");
    return;
  }
  out.problem(
      "move", "one to " + note->to + " has not ended, and nobody is at it",
      "its queues stay paused here, and nothing that waits in them runs; jobs of its last batch may be "
      "there already, and are in both places",
      on + " goes on with it; coterie move --from " + quoted(note->to) + " --to " + quoted(url) + queues +
          " takes everything back and ends it");
}

}  // namespace coterie::brokers
