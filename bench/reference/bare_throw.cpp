// The least that an exception costs that goes through coroutines each of which catches it, cleans up and
// throws it on: carried from frame to frame as an exception_ptr, for nothing else can. No cancel, no loop, no
// task: bare.
//   bare_throw FRAMES COUNT     COUNT exceptions, each through FRAMES frames: ns for one frame
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <utility>
#include <vector>

namespace {

struct Stop {};

class Task {
 public:
  struct promise_type {
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { error = std::current_exception(); }
    std::exception_ptr error;
  };

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ~Task() {
    if (handle_) handle_.destroy();
  }
  bool await_ready() const noexcept { return handle_.done(); }
  void await_suspend(std::coroutine_handle<>) noexcept {}
  void await_resume() {
    if (handle_.promise().error) std::rethrow_exception(std::move(handle_.promise().error));
  }
  std::coroutine_handle<promise_type> handle_;
};

/// Where the innermost is suspended; resuming it throws.
struct Sleep {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { leaf = handle; }
  [[noreturn]] void await_resume() { throw Stop(); }
  std::coroutine_handle<>& leaf;
};

Task level(Task* inner, std::coroutine_handle<>& leaf, int& cleaned) {
  try {
    if (inner != nullptr)
      co_await *inner;
    else
      co_await Sleep{leaf};
  } catch (const Stop&) {
    ++cleaned;
    throw;
  }
}

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// Frames are made and suspended, innermost first; then the innermost is resumed, and each as the one within
/// it is done.
double through(int frames, long count) {
  double took = 0;
  for (long i = 0; i < count; ++i) {
    std::vector<Task> tasks;
    tasks.reserve(static_cast<std::size_t>(frames));
    std::coroutine_handle<> leaf;
    int cleaned = 0;
    for (int f = 0; f < frames; ++f) {
      tasks.push_back(level(f > 0 ? &tasks.back() : nullptr, leaf, cleaned));
      tasks.back().handle_.resume();
    }
    const double before = now_ns();
    for (Task& task : tasks) task.handle_.resume();
    took += now_ns() - before;
    if (cleaned != frames) std::abort();
  }
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("bare_throw FRAMES COUNT\n", stderr), 2;
  const int frames = std::atoi(argv[1]);
  const long count = std::atol(argv[2]);
  std::printf("{\"ns\": %.3f}\n", through(frames, count) / static_cast<double>(count) / frames);
}
