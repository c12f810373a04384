#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/cli/run_input.hpp"
#include "src/cli/run_options.hpp"

namespace coterie::cli {

/// What a broker remembers of a run, beside its jobs: one note, always replaced by compare-and-set.
///
///     (nothing) ── create ──▶ preparing ── all lines enqueued ──▶ running ── all ended ──▶ finished
///                                 ▲                                  │                        │
///                                 └────────── fresh, resume ─────────┴────────────────────────┘
///
/// No command starts before every line is enqueued, so that an unknown id in `running` can only be one that
/// has ended and is no longer kept; it is never enqueued again.
struct Manifest {
  int version = 1;
  std::string name;
  std::uint64_t generation = 1;  ///< grows with each --fresh; part of every job's id
  std::string input_hash;
  std::uint64_t lines = 0;
  std::string source;
  std::string cwd;
  std::string queue;
  /// Those of older generations, whose jobs may still stand there.
  std::optional<std::vector<std::string>> older_queues;
  // What its jobs were enqueued with; see RunFlags. Nothing: not given.
  std::optional<std::uint64_t> retries;
  std::optional<std::uint64_t> retry_delay_ms;
  std::optional<std::uint64_t> timeout_ms;
  std::optional<std::uint64_t> grace_ms;
  std::string state;          ///< preparing, running, finished
  bool enqueued = false;      ///< every line of this input has its job, or had it once
  bool retry_failed = false;  ///< while preparing: failed lines run again
  /// The input was changed under --resume: lines keep the jobs that they had, wherever they stand now.
  bool mapped = false;
  std::uint64_t failed = 0;  ///< once finished
  std::string owner;         ///< this_process() of who runs it; empty: nobody
  std::uint64_t beat = 0;    ///< counts while the owner lives

  Manifest() = default;
};

/// What starting means, given what is known of the run.
enum class RunStart { create, go_on, resume, fresh };

/// Throws UsageError, one line that says what can be done, where the user has to decide first.
[[nodiscard]] RunStart decide_start(const std::optional<Manifest>& known, const RunInput& input,
                                    const RunFlags& flags, const std::string& name, const std::string& cwd);
/// `known` as it becomes by starting: `preparing` or `running`, and ours.
[[nodiscard]] Manifest start_manifest(const std::optional<Manifest>& known, RunStart start,
                                      const RunInput& input, const RunFlags& flags, const std::string& name,
                                      const std::string& cwd);
/// Between SIGTERM and SIGKILL when a command of this run is stopped.
[[nodiscard]] queue::Milliseconds grace_of(const Manifest& manifest);
/// UsageError unless it can be part of a queue's name and of a command line.
void check_run_name(const std::string& name);

/// The run's note in the broker. Belongs to one loop.
class ManifestStore {
 public:
  ManifestStore(std::shared_ptr<queue::Broker> broker, std::string name)
      : broker_(std::move(broker)), name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Nothing where the run is not known; UsageError where a newer version of the command has written it.
  Task<std::optional<Manifest>> load();
  /// False when somebody else has changed it since load() or the last save(). One that was cancelled or threw
  /// may have been applied, and is no somebody else.
  Task<bool> save(const Manifest& manifest);
  /// Whether the owner still works. Where the machine cannot tell (another container, another host) this
  /// waits up to twelve seconds for a sign of life.
  Task<bool> owner_alive(const Manifest& manifest);

  static constexpr std::chrono::seconds beat_every{4};

 private:
  std::shared_ptr<queue::Broker> broker_;
  std::string name_;
  std::optional<std::string> stored_;
};

/// The name of the run that this file was given last, or the one that follows from the input's hash.
Task<std::string> name_of_file(queue::Broker& broker, const RunInput& input);
/// Remembers it.
Task<void> remember_file(queue::Broker& broker, const RunInput& input, std::string name);

}  // namespace coterie::cli
