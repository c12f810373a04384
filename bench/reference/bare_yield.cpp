// The least that a yield costs: coroutines that are switched through a ring of handles and put back by the
// loop when they return to it, whose head and tail stay in registers. They can wait for nothing else.
//   bare_yield TASKS COUNT     COUNT yields in all, in turn
#include <bit>
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <vector>

namespace {

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<> handle;
};

Detached spin(long turns) {
  for (long i = 0; i < turns; ++i) co_await std::suspend_always();
}

void run(std::vector<std::coroutine_handle<>>& ring, std::size_t tasks) {
  const std::size_t mask = ring.size() - 1;
  std::size_t head = 0;
  std::size_t tail = tasks;
  while (head != tail) {
    const std::coroutine_handle<> task = ring[head++ & mask];
    task.resume();
    if (task.done())
      task.destroy();
    else
      ring[tail++ & mask] = task;
  }
}

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("bare_yield TASKS COUNT\n", stderr), 2;
  const long tasks = std::atol(argv[1]);
  const long turns = std::atol(argv[2]) / tasks;
  std::vector<std::coroutine_handle<>> ring(std::bit_ceil(static_cast<std::size_t>(tasks)));
  for (long i = 0; i < tasks; ++i) ring[static_cast<std::size_t>(i)] = spin(turns).handle;
  const double before = now_ns();
  run(ring, static_cast<std::size_t>(tasks));
  std::printf("{\"ns\": %.3f}\n", (now_ns() - before) / static_cast<double>(tasks * turns));
}
