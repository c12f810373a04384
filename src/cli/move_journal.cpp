#include "src/cli/move_journal.hpp"

#include <chrono>

#include "coterie/queue/json.hpp"
#include "src/cli/command.hpp"
#include "src/cli/move_sources.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {

namespace {

const std::string key(brokers::move_note_key);
/// An hour less than the 24 h for which the target knows the ids of what has ended there.
constexpr std::int64_t remembered_ms = std::int64_t{23} * 3600 * 1000;

std::int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

MoveJournal read(const std::string& text) {
  std::optional<MoveJournal> journal = brokers::read_move_note(text);
  if (journal) return *std::move(journal);
  throw UsageError("a move from this broker was begun by a newer version of coterie: use that");
}

std::string named(const std::vector<std::string>& queues) {
  std::string words;
  for (const std::string& queue : queues)
    words += (words.empty() ? "" : " ") + ("--queue " + shell_word(queue));
  return queues.empty() ? "without --queue" : "with " + words;
}

void check(const MoveJournal& known, const MoveClaim& claim) {
  if (const MovePlace target = known.target(); !target.is(claim.to))
    throw UsageError("a move from there to " + known.to + told_apart(target, claim.to) +
                     " has not ended, and what it has sent may be in both: end it first with --to " +
                     known.to + (target.elsewhere().empty() ? "" : " on that host"));
  if (known.queues != claim.queues)
    throw UsageError("this move was begun " + named(known.queues) + ": say the same to go on with it");
  if (!known.owner.empty() && !claim.take_over && queue::may_be_alive(known.owner))
    throw UsageError("somebody is at this move (" + known.owner +
                     "): wait for its end; if that process is gone, say --take-over");
  if (known.sent_at != 0 && !claim.accept_reruns && now_ms() - known.sent_at > remembered_ms)
    throw UsageError(
        "this move stopped " + human_time(now_ms() - known.sent_at) +
        " ago, and the target knows what has ended there for 24 h only: jobs of its last batch may run "
        "twice; look at them, then say --accept-reruns");
}

}  // namespace

Task<void> JournalStore::claim(MoveClaim claim) {
  for (;;) {
    stored_ = co_await source_->get_note(key);
    went_on_ = stored_ && !stored_->empty();
    if (went_on_) {
      journal_ = read(*stored_);
      check(journal_, claim);
      caught_up_ = journal_.sent_at == 0;
    } else {
      journal_ = MoveJournal();
      journal_.to = claim.to.url;
      journal_.to_id = claim.to.id;
      journal_.host = claim.to.host;
      journal_.queues = claim.queues;
      journal_.paused = co_await source_->paused();
    }
    journal_.owner = queue::this_process();
    std::string text = queue::to_json(journal_);
    const bool ours = co_await source_->put_note(key, stored_, text);
    if (!ours) continue;  // somebody else was faster: look at what is there now
    stored_ = std::move(text);
    open_ = true;
    co_return;
  }
}

Task<bool> JournalStore::claim_open(MoveClaim claim) {
  const std::optional<std::string> note = co_await source_->get_note(key);
  if (!note || note->empty()) co_return false;
  try {
    check(read(*note), claim);
  } catch (const UsageError&) {
    co_return false;
  }
  Task<void> taking = this->claim(std::move(claim));
  co_await std::move(taking);
  co_return true;
}

Task<bool> JournalStore::is_in(queue::Broker& target) const {
  const std::optional<std::string> there = co_await target.get_note(key);
  co_return there == stored_;
}

Task<void> JournalStore::save(std::string text) {
  const bool saved = co_await source_->put_note(key, stored_, text);
  if (!saved) {
    open_ = false;
    throw UsageError("somebody else has taken over this move: nothing more is done here");
  }
  stored_ = std::move(text);
}

Task<void> JournalStore::note_sending() {
  if (caught_up_) journal_.sent_at = now_ms();
  std::string text = queue::to_json(journal_);
  co_await save(std::move(text));
}

Task<void> JournalStore::close() {
  co_await save(std::string());
  open_ = false;
}

Task<std::string> JournalStore::why_busy(queue::Broker& target) {
  const std::optional<std::string> note = co_await target.get_note(key);
  if (!note || note->empty()) co_return "";
  const MoveJournal known = read(*note);
  if (known.owner.empty() || !queue::may_be_alive(known.owner)) co_return "";
  co_return "somebody moves jobs away from the target, to " + known.to + " (" + known.owner +
      "): wait for its end; if that process is gone, say --take-over";
}

Task<bool> JournalStore::any_in(queue::Broker& broker) {
  const std::optional<std::string> note = co_await broker.get_note(key);
  co_return note && !note->empty();
}

}  // namespace coterie::cli
