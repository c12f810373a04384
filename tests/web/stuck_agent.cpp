// Workers that are stuck, for the browser's tests: web_stuck_agent BROKER_URL deadlock|blocked|idle NAME.
// `deadlock`: two jobs that take two locks in opposite order. `blocked`: a handler that holds its loop. Says
// "ready" when it is so.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/json.hpp"
#include "coterie/queue/worker.hpp"

namespace {

using namespace coterie;

struct Bank {
  Lock savings{"savings"};
  Lock current{"current"};
  Event first_taken[2];

  Lock& account(const std::string& name) { return name == "savings" ? savings : current; }
};

struct Transfer {
  std::string from;
  std::string to;
};
BOOST_DESCRIBE_STRUCT(Transfer, (), (from, to))

Task<void> book(Lock* from, Lock* to, Event* mine, Event* others) {
  LockGuard taken = co_await from->scoped();
  mine->set();
  co_await others->wait();
  LockGuard both = co_await to->scoped();
}

void say_ready() {
  std::puts("ready");
  std::fflush(stdout);
}

/// Once all but the helpers of the worker stand still, it is ready.
Task<void> add_transfers(std::shared_ptr<queue::Broker> broker, Bank* bank) {
  queue::Client client(broker);
  queue::JobSpec there("transfer", R"({"from":"savings","to":"current"})");
  queue::JobSpec back("transfer", R"({"from":"current","to":"savings"})");
  there.max_attempts = back.max_attempts = 1;
  (void)co_await client.enqueue(there);
  (void)co_await client.enqueue(back);
  while (bank->savings.waiting() == 0 || bank->current.waiting() == 0)
    co_await sleep(std::chrono::milliseconds(5));
  say_ready();
}

/// By a plain call, as a mistake would.
Task<std::string> resizes(queue::JobContext& job, std::string) {
  (void)job;
  say_ready();
  for (;;) ::pause();
  co_return "null";
}

Task<void> add_resize(std::shared_ptr<queue::Broker> broker) {
  queue::Client client(broker);
  (void)co_await client.enqueue(queue::JobSpec("resize"));
}

Task<int> work(std::string url, std::string how, std::string name) {
  const std::shared_ptr<queue::Broker> broker = queue::open_broker(url);
  Bank bank;
  queue::WorkerOptions options;
  options.name(std::move(name)).concurrency(4).grace(queue::Milliseconds(500));
  if (how == "idle") options.queues({"spare"});
  queue::Worker worker(broker, options);
  const auto transfer = [&bank](queue::JobContext&, const Transfer& what) -> Task<std::string> {
    const int i = what.from == "savings" ? 0 : 1;
    Task<void> booking = book(&bank.account(what.from), &bank.account(what.to), &bank.first_taken[i],
                              &bank.first_taken[1 - i]);
    co_await std::move(booking);
    co_return "booked";
  };
  worker.handle("transfer", transfer);
  worker.handle_raw("resize", resizes);
  auto both = [&](TaskGroup& group) -> Task<void> {
    if (how == "deadlock") group.spawn(add_transfers, broker, &bank);
    if (how == "blocked") group.spawn(add_resize, broker);
    if (how == "idle") say_ready();
    co_await worker.serve();
  };
  co_await task_group(both);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("web_stuck_agent BROKER_URL deadlock|blocked|idle NAME\n", stderr);
    return 2;
  }
  try {
    return coterie::run(work(argv[1], argv[2], argv[3]));
  } catch (const coterie::Interrupted&) {
    return 0;
  }
}
