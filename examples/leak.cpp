// A service whose memory grows with every session, for docs/debugging.md.
#include <unistd.h>

#include <coterie/coterie.hpp>
#include <iostream>
using namespace coterie;
using namespace std::chrono_literals;

Task<void> keep_alive() {
  for (;;) co_await sleep(1h);
}

Task<void> session() {
  const auto beat = spawn(named("keep alive"), keep_alive);
  co_await yield();  // serves the client
}  // dropping a handle detaches: the task goes on. A task_group would cancel it and wait for its end.

Task<void> async_main() {
  for (int i = 0; i < 1000; ++i) co_await session();
  std::cout << "look at me: coterie dump " << ::getpid() << std::endl;
  co_await sleep(24h);
}

int main() {
  return run(async_main());
}
