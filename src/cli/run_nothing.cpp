#include "src/cli/run_nothing.hpp"

#include <memory>

#include "coterie/run.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/run_manifest.hpp"
#include "src/cli/run_report.hpp"

namespace coterie::cli {
namespace {

Task<int> refuse_unfinished(std::shared_ptr<queue::Broker> broker, const RunFlags& flags,
                            const RunInput& input) {
  std::string name = flags.run.value_or("");
  if (!flags.run) name = co_await name_of_file(*broker, input);
  ManifestStore store(broker, name);
  const std::optional<Manifest> known = co_await store.load();
  if (known && known->state != "finished") {
    throw UsageError("run '" + name + "' was started with other commands than are in " + input.shown +
                     " now, which has none, and has not finished: put them back to continue it, or make this "
                     "another run with --run NAME");
  }
  co_return exit_ok;
}

}  // namespace

int run_no_commands(const RunFlags& flags, const RunInput& input, ResultsFile* results) {
  if (results != nullptr && !results->is_empty()) {
    throw UsageError(
        "--results '" + results->path() + "': " + input.shown +
        " has no commands, which would empty it, so it is left alone; name another file, or remove "
        "this one");
  }
  RunReport report;
  report.run = flags.run.value_or("");
  if (has_queue(flags.common.broker)) {
    const std::shared_ptr<queue::Broker> broker = queue::open_broker(flags.common.broker);
    report.broker = broker->url();
    (void)coterie::run(refuse_unfinished(broker, flags, input));
  }
  if (results != nullptr) {
    report.results = results->path();
    results->begin();
    results->commit();
  }
  if (flags.common.json)
    print_report_json(Output::standard(), report);
  else
    Output::standard().line("No commands in " + input.shown + ".");
  return exit_ok;
}

}  // namespace coterie::cli
