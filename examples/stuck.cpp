// An import that never ends, for docs/debugging.md.
#include <unistd.h>

#include <coterie/coterie.hpp>
#include <coterie/sync/queue.hpp>
#include <iostream>
#include <string>
using namespace coterie;

Task<void> read_folder(Queue<std::string>& pictures) {
  for (int i = 1; i <= 5; ++i) co_await pictures.emplace("picture " + std::to_string(i));
}  // the last one has gone in, and nobody says so: pictures.shutdown() is missing

Task<void> resize(Queue<std::string>& pictures) {
  for (;;) {
    std::string picture = co_await pictures.get();
    co_await yield();
  }
}

Task<void> async_main() {
  Queue<std::string> pictures(2);
  pictures.set_name("pictures");
  co_await task_group([&](TaskGroup& group) -> Task<void> {
    JoinHandle<void> reader = group.spawn(named("reader"), read_folder, std::ref(pictures));
    group.spawn(named("resizer 1"), resize, std::ref(pictures));
    group.spawn(named("resizer 2"), resize, std::ref(pictures));
    co_await reader;
    std::cout << "look at me: coterie dump " << ::getpid() << std::endl;
  });
}

int main() {
  return run(async_main());
}
