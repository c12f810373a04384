// A worker as a program: a loop of its own, signals that drain, an exit code.
#include <cstdio>

#include "coterie/await_outcome.hpp"
#include "coterie/metrics/loop.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/run.hpp"
#include "coterie/spawn.hpp"

namespace coterie::queue {
namespace {

constexpr int ended_well = 0;
constexpr int went_wrong = 1;
constexpr int broker_unreachable = 3;

Task<void> serve(Worker* worker) {
  co_await worker->serve();
}

/// run() cancels its main task on SIGINT and SIGTERM; here that means to drain, and a second signal ends at
/// once.
Task<int> serve_until_told(Worker* worker) {
  if (const auto& registry = worker->options().metrics()) metrics::watch_loop(*registry, "worker");
  const JoinHandle<void> serving = spawn(named("worker"), serve, worker);
  while (!serving.done()) {
    const Outcome<void> waited = co_await outcome(serving.wait());
    if (waited.cancelled()) worker->drain();
  }
  serving.result();
  co_return ended_well;
}

int fail(int code, const char* what) {
  std::fprintf(stderr, "coterie: the worker has stopped: %s\n", what);
  return code;
}

}  // namespace

int Worker::run() {
  try {
    return coterie::run(serve_until_told(this));
  } catch (const BrokerUnavailable& error) {
    return fail(broker_unreachable, error.what());
  } catch (const BadBroker& error) {
    return fail(broker_unreachable, error.what());
  } catch (const std::exception& error) {
    return fail(went_wrong, error.what());
  }
}

}  // namespace coterie::queue
