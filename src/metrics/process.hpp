#pragma once
#include "coterie/metrics/snapshot.hpp"

namespace coterie::metrics {

/// Of this process: its build, what it uses of the system, and the tasks of all of its loops.
void collect_process(Snapshot& into);
/// The build alone.
void collect_build(Snapshot& into);

}  // namespace coterie::metrics
