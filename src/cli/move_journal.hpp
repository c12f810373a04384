#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/brokers/move_note.hpp"

namespace coterie::cli {

/// What the source remembers of a move that has not ended: a note, replaced by compare-and-set.
using MoveJournal = brokers::MoveNote;

/// What the command line says about a move that somebody else began.
struct MoveClaim {
  brokers::MovePlace to;
  std::vector<std::string> queues;
  bool take_over = false;      ///< also where the other may still be at work
  bool accept_reruns = false;  ///< also where the target may have forgotten what ran there, or a move to the
                               ///< source has not ended
  MoveClaim() = default;
};

/// Makes sure that one command at a time moves the jobs of a broker, and that the next one knows what the
/// last has left. Belongs to one loop.
class JournalStore {
 public:
  explicit JournalStore(std::shared_ptr<queue::Broker> source) : source_(std::move(source)) {}

  /// Begins a move, or goes on with one. UsageError where somebody else is at it, or it was begun otherwise.
  Task<void> claim(MoveClaim claim);
  /// Takes over a move to `claim.to` with the same queues that has not ended; false where there is none that
  /// may be, by the rules of claim().
  Task<bool> claim_open(MoveClaim claim);
  /// Whether the same note is there too: `target` is the source by another name.
  Task<bool> is_in(queue::Broker& target) const;
  /// Why nothing can be brought to `target` now, once this move has been claimed; empty: it can. Somebody may
  /// be at a move away from there: in both directions at once, each would take away what the other has just
  /// sent and withdraws here.
  static Task<std::string> why_busy(queue::Broker& target);
  [[nodiscard]] bool went_on() const noexcept { return went_on_; }
  [[nodiscard]] const MoveJournal& journal() const noexcept { return journal_; }
  /// Before jobs are sent: from now on those at the source may be known at the target. Not while jobs of an
  /// earlier command may still be in between.
  Task<void> note_sending();
  /// What an earlier command may have left in between is at its end.
  void caught_up() noexcept { caught_up_ = true; }
  /// The move has ended.
  Task<void> close();
  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// Whether a move from this broker has not ended.
  static Task<bool> any_in(queue::Broker& broker);

 private:
  Task<void> save(std::string text);

  std::shared_ptr<queue::Broker> source_;
  std::optional<std::string> stored_;
  MoveJournal journal_;
  bool open_ = false;
  bool went_on_ = false;
  bool caught_up_ = true;
};

}  // namespace coterie::cli
