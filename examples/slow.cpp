// A service in which one request makes all others wait, for docs/debugging.md.
#include <unistd.h>

#include <coterie/coterie.hpp>
#include <iostream>
using namespace coterie;
using namespace std::chrono_literals;

[[gnu::noinline]] void scale_down(volatile unsigned& pixels) {
  for (;;) pixels = pixels + 1;  // for as long as it takes: nothing else of this loop runs meanwhile
}

Task<void> make_thumbnail() {
  co_await sleep(10ms);  // reads the picture
  std::cout << "look at me: coterie dump " << ::getpid() << std::endl;
  volatile unsigned pixels = 0;
  scale_down(pixels);  // belongs into co_await to_thread(scale_down, …)
}

Task<void> answer() {
  for (;;) co_await sleep(1ms);
}

Task<void> async_main() {
  co_await task_group([](TaskGroup& group) -> Task<void> {
    group.spawn(named("thumbnail"), make_thumbnail);
    group.spawn(named("answer"), answer);
    co_return;
  });
}

int main() {
  return run(async_main());
}
