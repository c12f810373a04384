// Two tasks that take two locks in opposite order, and a way to see it: `coterie dump PID` names the tasks,
// the locks, who holds them, and the lines.
#include <unistd.h>

#include <coterie/coterie.hpp>
#include <coterie/sync/lock.hpp>
#include <iostream>
using namespace coterie;
using namespace std::chrono_literals;

Task<void> transfer(Lock& from, Lock& to) {
  LockGuard debit = co_await from.scoped();
  co_await sleep(50ms);
  LockGuard credit = co_await to.scoped();  // the other one has it, and waits for ours
}

Task<void> async_main() {
  Lock alice("alice");
  Lock bob("bob");
  std::cout << "look at me: coterie dump " << ::getpid() << std::endl;
  co_await task_group([&](TaskGroup& group) -> Task<void> {
    group.spawn(named("alice to bob"), transfer, std::ref(alice), std::ref(bob));
    group.spawn(named("bob to alice"), transfer, std::ref(bob), std::ref(alice));
    co_return;
  });
}

int main() {
  return run(async_main());
}
