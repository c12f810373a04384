#pragma once
#include "src/cli/run_input.hpp"
#include "src/cli/run_options.hpp"
#include "src/cli/run_results.hpp"

namespace coterie::cli {

/// `coterie run` of an input without commands: a pipeline that found nothing to do is no failure. UsageError
/// where it would lose something: the results in a file, or a run of that file that has not finished.
int run_no_commands(const RunFlags& flags, const RunInput& input, ResultsFile* results);

}  // namespace coterie::cli
