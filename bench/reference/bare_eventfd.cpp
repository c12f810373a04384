// The least that a question to another thread and its answer cost: two threads, an eventfd each, each asleep
// until the other writes. In epoll_wait(), as whoever waits for other descriptors too has to, or in read(),
// which waits for one. Each has a core of its own where the process may use two.
//   bare_eventfd epoll|read COUNT     by the wall's clock: a round trip
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

/// What one thread is woken by.
class Bell {
 public:
  explicit Bell(bool by_epoll) : descriptor_(eventfd(0, EFD_CLOEXEC)) {
    if (!by_epoll) return;
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor_, &event) != 0) std::abort();
  }
  void ring() const {
    const std::uint64_t one = 1;
    if (write(descriptor_, &one, sizeof one) != sizeof one) std::abort();
  }
  void wait() const {
    epoll_event event{};
    if (epoll_ >= 0 && epoll_wait(epoll_, &event, 1, -1) != 1) std::abort();
    std::uint64_t count = 0;
    if (read(descriptor_, &count, sizeof count) != sizeof count) std::abort();
  }

 private:
  int descriptor_;
  int epoll_ = -1;
};

/// This thread stays on the first of the cores that it may use, or on the last.
void stay_on_the(bool last) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  int core = last ? CPU_SETSIZE - 1 : 0;
  while (!CPU_ISSET(core, &allowed)) core += last ? -1 : 1;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  (void)sched_setaffinity(0, sizeof one, &one);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("bare_eventfd epoll|read COUNT\n", stderr), 2;
  const bool by_epoll = std::strcmp(argv[1], "epoll") == 0;
  const long count = std::atol(argv[2]);
  const Bell there(by_epoll);
  const Bell back(by_epoll);
  std::thread other([&] {
    stay_on_the(true);
    for (long i = 0; i < count; ++i) {
      there.wait();
      back.ring();
    }
  });
  stay_on_the(false);
  const auto before = std::chrono::steady_clock::now();
  for (long i = 0; i < count; ++i) {
    there.ring();
    back.wait();
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - before;
  other.join();
  std::printf("{\"ns\": %.3f}\n", took.count() / static_cast<double>(count));
}
