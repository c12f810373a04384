// A task that does not end when it is cancelled, for docs/debugging.md.
#include <unistd.h>

#include <coterie/coterie.hpp>
#include <iostream>
using namespace coterie;
using namespace std::chrono_literals;

Task<void> send_part() {
  co_await sleep(1h);  // the other side does not answer
}

Task<void> upload() {
  for (;;) try {
      co_await send_part();
    } catch (...) {  // tries again whatever it was. `Cancelled` too: catch const std::exception& instead
    }
}

Task<void> async_main() {
  auto uploading = spawn(named("upload"), upload);
  co_await sleep(10ms);
  uploading.cancel("the service stops");
  co_await sleep(10ms);
  std::cout << "look at me: coterie dump " << ::getpid() << std::endl;
  co_await uploading.wait();
}

int main() {
  return run(async_main());
}
