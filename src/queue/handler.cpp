#include "coterie/queue/handler.hpp"

#include "coterie/spawn.hpp"
#include "coterie/threads/to_thread.hpp"

namespace coterie::queue {
namespace {

/// The thread owns what it uses: when a loop closes by force, nobody waits for it.
std::string call_blocking(const std::shared_ptr<BlockingHandler>& handler,
                          const std::shared_ptr<JobContext>& job) {
  return handler->run_blocking(*job);
}

Task<std::string> on_pool(std::shared_ptr<BlockingHandler> handler, std::shared_ptr<JobContext> job) {
  co_return co_await to_thread(call_blocking, handler, job);
}

}  // namespace

Task<std::string> BlockingHandler::run(JobContext& job) {
  JoinHandle<std::string> call = spawn(on_pool, shared_from_this(), job.shared_from_this());
  // A cancel cannot stop the thread, which sees it in job.cancelled(); the run lasts until the thread is
  // done.
  while (!call.done()) {
    const Outcome<void> waited = co_await outcome(call.wait());
    (void)waited;
  }
  co_return co_await std::move(call);
}

}  // namespace coterie::queue
