// coterie pause, resume: whether workers are given jobs of a queue.
#include <memory>

#include "coterie/run.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/move_journal.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

struct PauseOptions {
  CommonOptions common;
  std::vector<std::string> queues;
  bool yes = false;
};

Task<int> set_paused(std::shared_ptr<queue::Broker> broker, PauseOptions options, bool paused) {
  const bool moving = co_await JournalStore::any_in(*broker);
  if (moving && !paused && !options.yes)
    throw UsageError(
        "a move from this broker has not ended, and jobs that it has sent would run in both places: end it "
        "with "
        "`coterie move`, or say --yes if that may be");
  for (const std::string& queue : options.queues) {
    if (paused)
      co_await broker->pause(queue);
    else
      co_await broker->resume(queue);
    Output::standard().line(options.common.json ? JsonObject().add("queue", queue).add("paused", paused).str()
                                                : printable(queue) + (paused ? "  paused" : "  goes on"));
  }
  co_return exit_ok;
}

}  // namespace

void add_pause(CLI::App& app, Action& chosen) {
  auto pause = std::make_shared<PauseOptions>();
  Flags(app, "pause", "Give workers no jobs of a queue, until it is resumed")
      .common(pause->common)
      .rest("QUEUE", pause->queues, "The queues' names", 1)
      .footer(
          "What runs goes on, and new jobs are accepted. `coterie queues` says what is paused.\n"
          "  coterie pause mail")
      .chooses(chosen, [pause] {
        return run_briefly(set_paused(open_existing(pause->common.broker), *pause, true));
      });

  auto resume = std::make_shared<PauseOptions>();
  Flags(app, "resume", "Give workers jobs of a paused queue again")
      .common(resume->common)
      .rest("QUEUE", resume->queues, "The queues' names", 1)
      .flag("--yes,-y", resume->yes,
            "Also where a move of its jobs has not ended, so that some may run twice")
      .chooses(chosen, [resume] {
        return run_briefly(set_paused(open_existing(resume->common.broker), *resume, false));
      });
}

}  // namespace coterie::cli
