#include "src/cli/run_manifest.hpp"

#include <algorithm>

#include "coterie/queue/json.hpp"
#include "coterie/sleep.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/exec_handler.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {

BOOST_DESCRIBE_STRUCT(Manifest, (),
                      (version, name, generation, input_hash, lines, source, cwd, queue, older_queues,
                       retries, retry_delay_ms, timeout_ms, grace_ms, state, enqueued, retry_failed, mapped,
                       failed, owner, beat))

namespace {

struct FileNote {
  std::string name;
  FileNote() = default;
};
BOOST_DESCRIBE_STRUCT(FileNote, (), (name))

constexpr int newest_version = 1;

std::string file_key(const RunInput& input) {
  return "run-of-file:" + queue::derived_uuid(input.source).str();
}

std::string name_of_hash(const RunInput& input) {
  std::string name;
  for (const char c : input.hash)
    if (c != '-' && name.size() < 12) name += c;
  return name;
}

std::optional<std::uint64_t> count_of(const std::optional<queue::Milliseconds>& time) {
  if (!time) return std::nullopt;
  return static_cast<std::uint64_t>(time->count());
}

/// A job keeps what it was enqueued with. A flag that says otherwise would be lost on it, so it is refused.
void require_as_started(const std::string& which, const std::string& flag, const std::string& unit,
                        const std::optional<std::uint64_t>& given,
                        const std::optional<std::uint64_t>& known) {
  if (!given || given == known) return;
  const std::string before = known ? "with " + flag + " " + std::to_string(*known) + unit : "without " + flag;
  throw UsageError(which + "was started " + before + ", and its jobs keep that: leave " + flag +
                   " out to continue it so, or start it anew with --fresh or as another run with --run NAME");
}

/// The note has room for so many, however long their names.
constexpr std::size_t older_queues_kept = 50;

void keep_queue(Manifest& manifest, const std::string& queue) {
  std::vector<std::string> older = manifest.older_queues.value_or(std::vector<std::string>());
  std::erase(older, queue);
  if (older.size() == older_queues_kept) older.erase(older.begin());
  older.push_back(queue);
  manifest.older_queues = std::move(older);
}

/// An earlier save of this process: it was cancelled, or its reply was lost, after it had been applied.
bool is_ours(const std::string& note) {
  try {
    return queue::from_json<Manifest>(note).owner == queue::this_process();
  } catch (const queue::JsonError&) {
    return false;
  }
}

}  // namespace

void check_run_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 100 || !std::all_of(name.begin(), name.end(), allowed) ||
      name.front() == '-')
    throw UsageError(
        "--run '" + name +
        "': a run's name has 1 to 100 letters, digits, dots, dashes and underscores, no dash in front");
}

RunStart decide_start(const std::optional<Manifest>& known, const RunInput& input, const RunFlags& flags,
                      const std::string& name, const std::string& cwd) {
  const std::string which = "run '" + name + "' ";
  if (!known) {
    if (flags.resume) {
      throw UsageError(
          "there is no run '" + name + "' in " + without_passwords(flags.common.broker) +
          " to resume: start it without --resume, or name another with --run NAME or --broker URL");
    }
    return RunStart::create;
  }
  if (flags.fresh) return RunStart::fresh;
  if (flags.queue && *flags.queue != known->queue) {
    throw UsageError(which + "has its jobs in the queue '" + known->queue +
                     "': leave --queue out, or start anew with --fresh or as another run with --run NAME");
  }
  if (cwd != known->cwd) {
    throw UsageError(
        which + "was started in " + known->cwd +
        ": go there to continue it, or start it anew here with --fresh or as another run with --run NAME");
  }
  const std::uint64_t retries = known->retries.value_or(0);
  require_as_started(which, "--retries", "", flags.retries, retries);
  require_as_started(which, "--retry-delay", "ms", count_of(flags.retry_delay), known->retry_delay_ms);
  require_as_started(which, "--timeout", "ms", count_of(flags.timeout), known->timeout_ms);
  require_as_started(which, "--grace", "ms", count_of(flags.grace), known->grace_ms);
  if (flags.resume) return RunStart::resume;
  if (input.hash != known->input_hash) {
    throw UsageError(
        which + "was started with other commands than are in " + input.shown +
        " now: --resume keeps what is done and adds what is new, --fresh runs all of it anew, --run NAME "
        "makes it another run");
  }
  if (known->state == "finished") {
    const std::string again =
        known->failed > 0 ? "--resume runs the failed ones again" : "--resume shows it again";
    throw UsageError(which + "has finished: " + counted(known->lines, "command") + ", " +
                     std::to_string(known->failed) + " failed: " + again +
                     ", --fresh runs all of them anew, --run NAME makes it another run");
  }
  if (input.source == "-") {
    throw UsageError(which +
                     "was started with these commands and has not finished, and standard input may hold "
                     "another piece of work: --resume continues it, --fresh runs all of it anew, --run NAME "
                     "makes it another run");
  }
  return RunStart::go_on;
}

Manifest start_manifest(const std::optional<Manifest>& known, RunStart start, const RunInput& input,
                        const RunFlags& flags, const std::string& name, const std::string& cwd) {
  Manifest next = known.value_or(Manifest());
  next.owner = queue::this_process();
  ++next.beat;
  if (start == RunStart::go_on) return next;
  next.name = name;
  next.state = "preparing";
  next.failed = 0;
  next.lines = input.lines.size();
  if (start == RunStart::resume) {
    next.retry_failed = true;
    if (next.input_hash != input.hash) {
      next.mapped = true;
      next.enqueued = false;
    }
  } else {
    next.generation = known ? known->generation + 1 : 1;
    next.enqueued = next.retry_failed = next.mapped = false;
    next.cwd = cwd;
    next.queue = flags.queue.value_or("run." + name);
    if (known) keep_queue(next, known->queue);
    next.retries = flags.retries;
    next.retry_delay_ms = count_of(flags.retry_delay);
    next.timeout_ms = count_of(flags.timeout);
    next.grace_ms = count_of(flags.grace);
  }
  next.input_hash = input.hash;
  next.source = input.source;
  return next;
}

queue::Milliseconds grace_of(const Manifest& manifest) {
  return manifest.grace_ms ? queue::Milliseconds(*manifest.grace_ms) : ExecOptions().grace;
}

Task<std::optional<Manifest>> ManifestStore::load() {
  stored_ = co_await broker_->get_note("run:" + name_);
  if (!stored_) co_return std::nullopt;
  try {
    std::optional<Manifest> manifest = queue::from_json<Manifest>(*stored_);
    if (manifest->version <= newest_version) co_return manifest;
  } catch (const queue::JsonError&) {
    // A newer one may also look quite different.
  }
  throw UsageError("run '" + name_ + "' was started by a newer version of coterie: use that, or --run NAME");
}

Task<bool> ManifestStore::save(const Manifest& manifest) {
  std::string text = queue::to_json(manifest);
  const std::string key = "run:" + name_;
  for (;;) {
    const bool saved = co_await broker_->put_note(key, stored_, text);
    if (saved) break;
    std::optional<std::string> now = co_await broker_->get_note(key);
    if (!now || !is_ours(*now)) co_return false;
    stored_ = std::move(now);
  }
  stored_ = std::move(text);
  co_return true;
}

Task<bool> ManifestStore::owner_alive(const Manifest& manifest) {
  if (manifest.owner.empty() || !queue::may_be_alive(manifest.owner)) co_return false;
  // What stands before the last two parts, pid and start time, is common to processes that can judge each
  // other.
  const auto around = [](const std::string& identity) {
    const std::size_t start = identity.rfind('/');
    const std::size_t pid = start == std::string::npos ? start : identity.rfind('/', start - 1);
    return identity.substr(0, pid == std::string::npos ? 0 : pid);
  };
  const std::string ours = queue::this_process();
  if (!around(ours).empty() && around(ours) == around(manifest.owner)) co_return true;
  for (int i = 0; i < 3; ++i) {
    co_await sleep(beat_every);
    const std::optional<Manifest> now = co_await load();
    if (!now || now->beat != manifest.beat || now->owner != manifest.owner) co_return true;
  }
  co_return false;
}

Task<std::string> name_of_file(queue::Broker& broker, const RunInput& input) {
  if (input.source == "-") co_return name_of_hash(input);
  const std::optional<std::string> note = co_await broker.get_note(file_key(input));
  if (note) {
    try {
      co_return queue::from_json<FileNote>(*note).name;
    } catch (const queue::JsonError&) {
      // Not ours: as if it were not there.
    }
  }
  co_return name_of_hash(input);
}

Task<void> remember_file(queue::Broker& broker, const RunInput& input, std::string name) {
  if (input.source == "-") co_return;
  FileNote file;
  file.name = std::move(name);
  const std::string text = queue::to_json(file);
  const std::string key = file_key(input);
  for (;;) {
    const std::optional<std::string> note = co_await broker.get_note(key);
    if (note == text) co_return;
    const bool saved = co_await broker.put_note(key, note, text);
    if (saved) co_return;
  }
}

}  // namespace coterie::cli
