#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/cli/move_journal.hpp"
#include "src/cli/move_plan.hpp"
#include "src/cli/progress.hpp"

namespace coterie::cli {

/// What became of a move.
struct MoveReport {
  std::map<queue::JobState, std::uint64_t> moved;  ///< by what they were at the source
  std::uint64_t there_already = 0;                 ///< of these, known at the target before
  std::uint64_t cancelled = 0;         ///< at the source while they were on their way, so at the target too
  std::uint64_t leased = 0, held = 0;  ///< stay, see MovePlan
  std::uint64_t ended = 0;             ///< stay at the source with their results
  std::set<std::string> workers;       ///< that have the leased ones
  std::set<std::string> absent;        ///< queues that were named, and had no job at the source
  bool undone = false;                 ///< a move from the target to here, which had not ended
  bool producers = false;              ///< new jobs came as fast as they could be moved
  double seconds = 0;
  MoveReport() = default;
  [[nodiscard]] std::uint64_t jobs() const;
};

/// Takes all jobs that wait from one broker to another. docs/command.md says why nothing is lost and nothing
/// runs twice. Belongs to one loop.
class MoveWork {
 public:
  struct Options {
    MoveClaim claim;
    std::set<std::string> queues;  ///< empty: all
    bool wait = false;             ///< for what runs, too
    bool quiet = false;
    Options() = default;
  };
  MoveWork(std::shared_ptr<queue::Broker> from, std::shared_ptr<queue::Broker> to, Options options);

  Task<MoveReport> run();
  /// What a move would do now; changes nothing.
  Task<MoveReport> look();
  /// A move was begun and has not ended.
  [[nodiscard]] bool is_open() const noexcept { return journal_.is_open(); }
  /// Tells a person what that means.
  void say_unfinished();

 private:
  Task<void> begin();
  Task<std::string> why_not_on();
  Task<void> finish();
  Task<void> undo_other();
  Task<void> drop_what_has_ended();
  Task<void> pause_queues();
  Task<void> resume_queues(queue::Broker& source, const JournalStore& journal) const;
  static Task<void> close(queue::Broker& target, brokers::MovePlace source, JournalStore& journal);
  static Task<void> wait_for_change(queue::Broker& at);
  Task<void> move_all(const MovePlan& plan);
  Task<void> move_batch(const MovePlan& plan, std::vector<queue::JobId> ids);
  Task<void> send(const MovePlan& plan, const std::vector<queue::JobId>& ids,
                  std::vector<queue::JobId>& sent);
  static bool is_as_planned(const MovePlan& plan, const queue::JobExport& job,
                            const std::unordered_set<queue::JobId>& before);
  Task<void> withdraw(std::vector<queue::JobId> ids);
  Task<void> follow(std::vector<queue::JobId> ended);
  Task<bool> follow_held(const std::vector<queue::JobId>& held);
  [[noreturn]] void refuse_to_end() const;
  Task<void> look_for_queues();
  Task<void> count_ended();
  [[nodiscard]] bool is_moved(const std::string& queue) const {
    return options_.queues.empty() || options_.queues.contains(queue);
  }
  void show();

  std::shared_ptr<queue::Broker> from_;
  std::shared_ptr<queue::Broker> to_;
  Options options_;
  brokers::MovePlace here_, there_;  ///< of from_ and to_
  JournalStore journal_;
  MoveReport report_;
  ProgressDisplay display_;
  RateMeter rate_;
  std::chrono::steady_clock::time_point shown_at_{};
  std::uint64_t planned_ = 0;
  std::uint64_t at_source_done_ = 0;          ///< moved, or ended meanwhile
  std::size_t step_;                          ///< jobs in a call; less where payloads are big
  std::unordered_set<queue::JobId> between_;  ///< sent, and still at the source, where others wait for them
};

}  // namespace coterie::cli
