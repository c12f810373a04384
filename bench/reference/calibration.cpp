// How fast this machine is, by things that are in nobody's library. The machine of the known figures
// needed 9.9, 152 and 538 ns.
//   calibration malloc|heap|eventfd COUNT
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <random>
#include <vector>

namespace {

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// The processor: 128 bytes taken and given back.
double malloc_and_free(long count) {
  const double before = now_ns();
  for (long i = 0; i < count; ++i) {
    void* memory = std::malloc(128);
    asm volatile("" : "+r"(memory) : : "memory");
    std::free(memory);
  }
  return now_ns() - before;
}

/// The memory: all of a binary heap taken out, of 8 bytes an entry.
double heap_pops(long count) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> heap(static_cast<std::size_t>(count));
  for (std::uint64_t& each : heap) each = random();
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  const double before = now_ns();
  for (auto end = heap.end(); end != heap.begin(); --end) std::pop_heap(heap.begin(), end, std::greater<>());
  return now_ns() - before;
}

/// The kernel: a write and a read.
double eventfd_calls(long count) {
  const int descriptor = eventfd(0, EFD_CLOEXEC);
  std::uint64_t value = 1;
  const double before = now_ns();
  for (long i = 0; i < count; ++i)
    if (write(descriptor, &value, sizeof value) < 0 || read(descriptor, &value, sizeof value) < 0)
      std::abort();
  return now_ns() - before;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("calibration malloc|heap|eventfd COUNT\n", stderr), 2;
  const long count = std::atol(argv[2]);
  double took = 0;
  if (std::strcmp(argv[1], "malloc") == 0)
    took = malloc_and_free(count);
  else if (std::strcmp(argv[1], "heap") == 0)
    took = heap_pops(count);
  else if (std::strcmp(argv[1], "eventfd") == 0)
    took = eventfd_calls(count);
  else
    return 2;
  std::printf("{\"ns\": %.3f}\n", took / static_cast<double>(count));
}
