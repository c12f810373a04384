#include <coterie/coterie.hpp>
#include <coterie/queue/client.hpp>
#include <coterie/queue/json.hpp>
#include <coterie/queue/worker.hpp>
#include <iostream>
using namespace coterie;
using namespace std::chrono_literals;

Task<int> square(queue::JobContext&, int n) {  // a handler: one coroutine for each job, many at a time
  co_await sleep(10ms);                        // every await can be cancelled
  int squared = n * n;
  co_return squared;  // kept as the job's result
}

Task<void> async_main() {
  queue::Worker worker("sqlite://hello.db");  // jobs stand in a file: no server, and a crash loses none
  worker.handle("square", square);
  queue::Client client(worker.broker());
  co_await task_group([&](TaskGroup& group) -> Task<void> {  // leaves when every child has ended
    group.spawn(&queue::Worker::serve, &worker);
    queue::JobId id = co_await client.enqueue("square", 12);  // durable when this returns
    int result = co_await client.result<int>(id, 5s);
    std::cout << "12 squared is " << result << '\n';
    worker.drain();
  });
}

int main() {
  return run(async_main());
}
