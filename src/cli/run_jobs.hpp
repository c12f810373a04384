#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/cli/run_input.hpp"
#include "src/cli/run_manifest.hpp"

namespace coterie::cli {

enum class LineState : std::uint8_t {
  pending,
  done,
  failed,
  cancelled,
  forgotten,  ///< it ended so long ago that the broker keeps nothing of it
};

/// The lines of a run and the jobs that they are.
class RunJobs {
 public:
  /// Called now and then with how many lines have been dealt with.
  using Report = std::function<void(std::size_t)>;

  RunJobs(std::shared_ptr<queue::Broker> broker, const RunInput& input)
      : broker_(std::move(broker)), input_(input) {}

  /// Gives each line its id: derived from run, generation, line number and text, so that it is the same
  /// whenever the run is started again; in a run whose input was changed, a line that stands elsewhere now
  /// keeps its job.
  Task<void> assign(const Manifest& manifest);
  /// What `preparing` stands for; may be cut short anywhere and done again. Jobs of older generations and of
  /// lines that are gone are cancelled, missing ones enqueued, failed ones retried where the manifest says
  /// so.
  Task<void> prepare(const Manifest& manifest, const Report& report);
  /// Failed lines that prepare() has made run again.
  [[nodiscard]] std::size_t retried() const noexcept { return retried_; }
  /// Looks at every pending line; true when something was found ended.
  Task<void> look(const std::function<void(std::size_t, LineState)>& ended);
  /// Refuses what the broker would: UsageError, naming the line or the flag, or BadRequest. Needs no assign()
  /// and asks nobody: before anything is written, for a run that is known but cannot be prepared stands in
  /// the way.
  void check(const Manifest& manifest) const;

  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
  [[nodiscard]] std::size_t count(LineState state) const noexcept {
    return counts_[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] std::size_t pending() const noexcept { return count(LineState::pending); }
  [[nodiscard]] const queue::JobId& id(std::size_t line) const { return ids_[line]; }
  [[nodiscard]] LineState state(std::size_t line) const { return states_[line]; }
  void set_state(std::size_t line, LineState state);
  /// Which line; size() when the job is none of ours.
  [[nodiscard]] std::size_t find(const queue::JobId& id) const;
  [[nodiscard]] const RunLine& line(std::size_t line) const { return input_.lines[line]; }

 private:
  /// `wanted` jobs in one call, or as many as the broker takes.
  [[nodiscard]] std::size_t at_most(std::size_t wanted) const;
  [[nodiscard]] queue::JobFilter all_of(const Manifest& manifest) const;
  [[nodiscard]] queue::JobSpec spec(const Manifest& manifest, std::size_t line, const queue::JobId& id) const;
  Task<void> map_by_text(const Manifest& manifest);
  Task<void> cancel_strays(const Manifest& manifest, const std::string& queue);
  Task<void> enqueue(const Manifest& manifest, const Report& report);
  Task<void> retry_failed();

  std::shared_ptr<queue::Broker> broker_;
  const RunInput& input_;
  std::vector<queue::JobId> ids_;
  std::vector<LineState> states_;
  std::array<std::size_t, 5> counts_{};
  std::unordered_map<queue::JobId, std::size_t> index_;
  std::size_t retried_ = 0;
};

}  // namespace coterie::cli
