// The least that an awaited coroutine costs: frames from a free list, the child resumed nested in the
// caller's await_suspend, its value in its promise. No exceptions carried, no cancel, no stack: bare.
//   bare_await direct COUNT
#include <array>
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <utility>

namespace {

struct FreeList {
  struct Block {
    Block* next;
  };
  static constexpr std::size_t step = 64;
  std::array<Block*, 16> first{};

  void* take(std::size_t bytes) {
    const std::size_t size = (bytes + step - 1) / step;
    if (size >= first.size()) return ::operator new(bytes);
    if (Block* block = first[size]) {
      first[size] = block->next;
      return block;
    }
    return ::operator new(size * step);
  }
  void give(void* memory, std::size_t bytes) {
    const std::size_t size = (bytes + step - 1) / step;
    if (size >= first.size()) return ::operator delete(memory);
    auto* block = static_cast<Block*>(memory);
    block->next = first[size];
    first[size] = block;
  }
};
thread_local constinit FreeList frames;

template <class T>
class Task {
 public:
  struct promise_type {
    static void* operator new(std::size_t bytes) { return frames.take(bytes); }
    static void operator delete(void* memory, std::size_t bytes) { frames.give(memory, bytes); }
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Resume {
        bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> done) noexcept {
          promise_type& promise = done.promise();
          promise.done = true;
          if (promise.caller_suspended) promise.caller.resume();
        }
        void await_resume() noexcept {}
      };
      return Resume();
    }
    void return_value(T result) { value = std::move(result); }
    void unhandled_exception() { std::abort(); }
    std::coroutine_handle<> caller;
    bool done = false;
    bool caller_suspended = false;
    T value{};
  };

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ~Task() {
    if (handle_) handle_.destroy();
  }
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> caller) {
    promise_type& promise = handle_.promise();
    promise.caller = caller;
    handle_.resume();
    if (promise.done) return false;
    return promise.caller_suspended = true;
  }
  T await_resume() { return std::move(handle_.promise().value); }
  void start() { handle_.resume(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

Task<int> ready(int value) {
  co_return value;
}
Task<long> call(long count) {
  long sum = 0;
  for (long i = 0; i < count; ++i) sum += co_await ready(1);
  co_return sum;
}

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("bare_await direct COUNT\n", stderr), 2;
  const long count = std::atol(argv[2]);
  Task<long> all = call(count);
  const double before = now_ns();
  all.start();
  const double took = now_ns() - before;
  if (all.await_resume() != count) return 1;
  std::printf("{\"ns\": %.3f}\n", took / static_cast<double>(count));
}
