// coterie run, from the flags to the exit code.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>

#include "coterie/await_outcome.hpp"
#include "coterie/run.hpp"
#include "coterie/threads/cores.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/patience.hpp"
#include "src/cli/run_nothing.hpp"
#include "src/cli/run_report.hpp"
#include "src/cli/run_work.hpp"

namespace coterie::cli {
namespace {

using queue::JobId;
using queue::JobInfo;

constexpr std::size_t bodies_per_call = 200;

/// Each running command needs a pidfd and a pipe; while it is started, some more.
void make_room_for(std::uint32_t concurrency) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t need = rlim_t{3} * concurrency + 64;
  if (limit.rlim_cur >= need) return;
  if (limit.rlim_max < need) {
    throw UsageError("-j " + std::to_string(concurrency) + " needs " + std::to_string(need) +
                     " open files, the limit is " + std::to_string(limit.rlim_max) +
                     ": give a smaller number, or raise it with ulimit -Hn");
  }
  limit.rlim_cur = need;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

class RunCommand {
 public:
  RunCommand(const RunFlags& flags, const RunInput& input, ResultsFile* results, std::uint32_t concurrency)
      : flags_(flags),
        input_(input),
        results_(results),
        broker_(queue::open_broker(flags.common.broker)),
        concurrency_(at_most(*broker_, concurrency)),
        jobs_(broker_, input),
        display_(flags.quiet ? ProgressDisplay::Mode::off : ProgressDisplay::Mode::automatic) {}

  Task<int> run() {
    Outcome<void> end = co_await outcome(start_and_work());
    display_.clear();
    if (!end.has_value() && owned_) {
      // Nobody has to wait for us to be known to be gone.
      manifest_.owner.clear();
      (void)co_await outcome(save());
    }
    if (end.cancelled()) {
      if (flags_.common.json && owned_) report_stopped();
      const std::string left = owned_ ? human_count(jobs_.pending()) + " of " +
                                            counted(jobs_.size(), "command") +
                                            (jobs_.pending() == 1 ? " has" : " have") + " not ended. "
                                      : "";
      display_.warn("Stopped. " + left + "`" + again() + "` goes on from here.");
    }
    end.get();
    co_return co_await report();
  }

 private:
  Task<void> start_and_work() {
    started_ = std::chrono::steady_clock::now();
    co_await claim();
    co_await jobs_.assign(manifest_);
    if (manifest_.state == "preparing") {
      const RunJobs::Report tell = [this](std::size_t lines) {
        if (jobs_.size() < 20'000) return;
        Progress now;
        now.total = jobs_.size();
        now.ended = lines;
        display_.show(now);
      };
      co_await jobs_.prepare(manifest_, tell);
      if (failed_before_) *failed_before_ -= std::min<std::uint64_t>(*failed_before_, jobs_.retried());
      manifest_.state = "running";
      manifest_.enqueued = true;
      manifest_.retry_failed = false;
      co_await save();
    }
    const std::function<void(std::size_t, LineState)> ended = [this](std::size_t line, LineState state) {
      jobs_.set_state(line, state);
    };
    co_await jobs_.look(ended);
    before_ = jobs_.size() - jobs_.pending();
    announce();
    co_await write_results(true);
    if (jobs_.pending() > 0) {
      RunWork::Parts parts;
      parts.broker = broker_;
      parts.jobs = &jobs_;
      parts.store = &*store_;
      parts.manifest = &manifest_;
      parts.results = results_;
      parts.display = &display_;
      parts.concurrency = concurrency_;
      RunWork work(parts);
      Outcome<void> worked = co_await outcome(work.run());
      executed_ = work.executed();
      worked.get();
    }
    const std::function<Task<void>()> finishing = [this] { return finish(); };
    co_await until_answered(finishing, warn_);
  }

  Task<void> finish() {
    co_await write_results(false);
    manifest_.state = "finished";
    manifest_.failed = jobs_.count(LineState::failed) + jobs_.count(LineState::cancelled) + unknown();
    manifest_.owner.clear();
    co_await save();
  }

  /// Makes the run ours, or says why not.
  Task<void> claim() {
    std::string name = flags_.run.value_or("");
    if (!flags_.run) name = co_await name_of_file(*broker_, input_);
    store_.emplace(broker_, name);
    const std::string cwd = current_folder();
    for (;;) {
      const std::optional<Manifest> known = co_await store_->load();
      const RunStart start = decide_start(known, input_, flags_, name, cwd);
      if (known) {
        const bool alive = co_await store_->owner_alive(*known);
        if (alive)
          throw UsageError("run '" + name +
                           "' is being worked on by another process: wait for it, or give this one a "
                           "name of its own with --run NAME");
      }
      manifest_ = start_manifest(known, start, input_, flags_, name, cwd);
      if (manifest_.state == "preparing") jobs_.check(manifest_);
      failed_before_.reset();
      if (start == RunStart::resume && known->state == "finished") failed_before_ = known->failed;
      if (!flags_.run) co_await remember_file(*broker_, input_, name);
      const bool saved = co_await store_->save(manifest_);
      if (saved) break;
    }
    owned_ = true;
  }

  Task<void> save() {
    const bool saved = co_await store_->save(manifest_);
    if (saved) co_return;
    owned_ = false;
    throw UsageError("another process has taken over run '" + manifest_.name + "': this one has stopped");
  }

  void announce() {
    std::string line = "Run " + manifest_.name + ": " + counted(jobs_.size(), "command");
    if (before_ > 0) line += ", " + human_count(before_) + " of them have ended before";
    line += "; " + std::to_string(concurrency_) + " at a time, kept in " + printable(broker_->url());
    display_.say(line);
  }

  [[nodiscard]] std::string again() const {
    std::string text = "coterie run";
    if (flags_.common.broker != default_broker)
      text += " --broker " + shell_word(without_passwords(flags_.common.broker));
    if (flags_.run) text += " --run " + *flags_.run;
    if (results_ != nullptr) text += " --results " + shell_word(*flags_.results);
    if (input_.source == "-") text += " --resume";
    return text + " " + shell_word(flags_.file);
  }

  /// Lines that have ended, of which the broker keeps nothing, and that may have failed: neither does the
  /// results file say that they have not, nor did the run finish without failures but those that ran again.
  [[nodiscard]] std::uint64_t unknown() const {
    const std::uint64_t unproven = jobs_.count(LineState::forgotten) - proven_;
    return failed_before_ ? std::min(*failed_before_, unproven) : unproven;
  }

  /// The whole file anew: what has ended, in the order of the input.
  Task<void> write_results(bool at_start) {
    if (results_ == nullptr) co_return;
    if (at_start && !flags_.fresh) refuse_results_of_another_run();
    try {
      co_await rebuild_results();
    } catch (const std::runtime_error& error) {
      if (dynamic_cast<const queue::QueueError*>(&error) != nullptr) throw;
      if (at_start) throw UsageError(error.what());
      results_error_ = error.what();
    }
  }
  void refuse_results_of_another_run() const {
    std::unordered_set<JobId> ids;
    for (std::size_t i = 0; i < jobs_.size(); ++i) ids.insert(jobs_.id(i));
    if (results_->is_of_others(ids)) {
      throw UsageError("--results '" + results_->path() +
                       "': it holds results of another run, so it is not overwritten; name another file, or "
                       "remove this one");
    }
  }
  Task<void> rebuild_results() {
    std::unordered_set<JobId> forgotten;
    for (std::size_t i = 0; i < jobs_.size(); ++i)
      if (jobs_.state(i) == LineState::forgotten) forgotten.insert(jobs_.id(i));
    const auto old_lines = results_->lines_of(forgotten);
    proven_ = 0;
    for (const auto& [id, line] : old_lines)
      if (says_done(line)) ++proven_;
    results_->begin();
    const std::size_t most = std::min(bodies_per_call, broker_->limits().batch_jobs);
    std::size_t next = 0;
    while (next < jobs_.size()) {
      std::vector<JobId> ids;
      std::vector<std::size_t> lines;
      for (; next < jobs_.size() && ids.size() < most; ++next) {
        if (jobs_.state(next) == LineState::pending) continue;
        ids.push_back(jobs_.id(next));
        lines.push_back(next);
      }
      if (ids.empty()) break;
      const std::vector<std::optional<JobInfo>> infos = co_await broker_->get(ids, true);
      for (std::size_t i = 0; i < infos.size(); ++i) {
        const RunLine& line = jobs_.line(lines[i]);
        const auto old = old_lines.find(ids[i]);
        if (infos[i] && queue::is_final(infos[i]->state))
          results_->add(result_line(line, *infos[i]));
        else
          results_->add(old != old_lines.end() ? old->second
                                               : result_line(ids[i], line, "forgotten", 0, ExecEnd()));
      }
    }
    results_->commit();
  }

  /// What is known without asking the broker any more, which may be why we are being stopped.
  void report_stopped() const {
    RunReport report = so_far();
    report.stopped = true;
    print(report);
  }
  Task<int> report() {
    RunReport report = so_far();
    const std::function<Task<void>()> adding = [this, &report] { return add_failures(report); };
    co_await until_answered(adding, warn_);
    print(report);
    if (!results_error_.empty()) {
      throw UsageError(results_error_ + "; the commands have run, `" + again() + " --resume` writes it");
    }
    co_return report.failed + report.cancelled + report.unknown > 0 ? exit_job_failed : exit_ok;
  }
  [[nodiscard]] RunReport so_far() const {
    RunReport report;
    report.run = manifest_.name;
    report.generation = manifest_.generation;
    report.broker = broker_->url();
    report.queue = manifest_.queue;
    report.lines = jobs_.size();
    report.done = jobs_.count(LineState::done);
    report.failed = jobs_.count(LineState::failed);
    report.cancelled = jobs_.count(LineState::cancelled);
    report.forgotten = jobs_.count(LineState::forgotten);
    report.unknown = unknown();
    report.before = before_;
    report.executed = executed_;
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    report.pending = jobs_.pending();
    if (results_ != nullptr) report.results = results_->path();
    return report;
  }
  void print(const RunReport& report) const {
    try {
      if (flags_.common.json)
        print_report_json(Output::standard(), report);
      else
        print_report(Output::standard(), report);
      Output::standard().flush();
    } catch (const OutputClosed&) {
      // Nobody reads it; the exit code still says how the run ended.
    }
  }
  Task<void> add_failures(RunReport& report) {
    const std::size_t most = std::min(failures_shown, broker_->limits().batch_jobs);
    std::vector<JobId> ids;
    std::vector<std::size_t> lines;
    for (std::size_t i = 0; i < jobs_.size() && ids.size() < most; ++i) {
      if (jobs_.state(i) != LineState::failed && jobs_.state(i) != LineState::cancelled) continue;
      ids.push_back(jobs_.id(i));
      lines.push_back(i);
    }
    if (ids.empty()) co_return;
    const std::vector<std::optional<JobInfo>> infos = co_await broker_->get(ids, false);
    for (std::size_t i = 0; i < infos.size(); ++i) {
      RunReport::Failure failure;
      failure.line = jobs_.line(lines[i]).number;
      failure.id = ids[i].str();
      failure.command = jobs_.line(lines[i]).text;
      failure.state = jobs_.state(lines[i]) == LineState::failed ? "dead" : "cancelled";
      if (infos[i]) failure.attempts = infos[i]->attempt;
      if (infos[i] && infos[i]->error) failure.end = read_exec_error(*infos[i]->error);
      report.failures.push_back(std::move(failure));
    }
  }

  const RunFlags& flags_;
  const RunInput& input_;
  ResultsFile* results_;
  std::shared_ptr<queue::Broker> broker_;
  std::uint32_t concurrency_;
  RunJobs jobs_;
  ProgressDisplay display_;
  const std::function<void(const std::string&)> warn_ = [this](const std::string& line) {
    display_.warn("coterie: " + line);
  };
  std::optional<ManifestStore> store_;
  Manifest manifest_;
  bool owned_ = false;
  std::size_t before_ = 0;
  std::uint64_t executed_ = 0;
  std::optional<std::uint64_t> failed_before_;  ///< when the run had finished, less those that run again
  std::uint64_t proven_ = 0;                    ///< forgotten lines that the results file says succeeded
  std::string results_error_;
  std::chrono::steady_clock::time_point started_;
};

/// What is at that place is written anew, and the broker's own files must not be.
void refuse_broker_file(const ResultsFile& results, const std::string& broker) {
  const std::string file = broker_file(broker);
  if (file.empty()) return;
  std::error_code error;
  const std::string database =
      std::filesystem::weakly_canonical(std::filesystem::absolute(file), error).string();
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    if (results.location() != database + suffix) continue;
    throw UsageError("--results '" + results.path() + "': it is the broker's own file (" + broker +
                     "); name another one");
  }
}

}  // namespace

int run_commands(const RunFlags& flags) {
  if (flags.resume && flags.fresh)
    throw UsageError(
        "--resume and --fresh contradict each other: --resume keeps what is done, --fresh starts anew");
  if (flags.run) check_run_name(*flags.run);
  if (flags.queue && flags.queue->empty())
    throw UsageError("--queue '': a queue's name is not empty: leave --queue out for one of the run's own");
  const auto concurrency =
      static_cast<std::uint32_t>(flags.jobs == 0 ? usable_cores() : static_cast<std::size_t>(flags.jobs));
  make_room_for(concurrency);
  const RunInput input = read_run_input(flags.file);
  std::optional<ResultsFile> results;
  if (flags.results) {
    results.emplace(*flags.results);
    refuse_broker_file(*results, flags.common.broker);
  }
  if (input.lines.empty()) return run_no_commands(flags, input, results ? &*results : nullptr);
  RunCommand command(flags, input, results ? &*results : nullptr, concurrency);
  return coterie::run(command.run());
}

}  // namespace coterie::cli
