#pragma once
#include <pthread.h>

#include <cstddef>
#include <functional>
#include <string>

namespace coterie::detail {

/// A thread with a name and a stack of a given size, neither of which std::thread can be told. Joined by its
/// destructor.
class NativeThread {
 public:
  /// `name`: the system keeps 15 characters. std::system_error when it cannot be started. `body` must not
  /// throw.
  NativeThread(std::string name, std::size_t stack_bytes, std::function<void()> body);
  NativeThread(const NativeThread&) = delete;
  NativeThread& operator=(const NativeThread&) = delete;
  ~NativeThread();

  [[nodiscard]] bool is_current() const noexcept { return pthread_equal(pthread_self(), thread_) != 0; }
  /// Waits for its end. Idempotent.
  void join() noexcept;

 private:
  static void* enter(void* self) noexcept;

  std::string name_;
  std::function<void()> body_;
  pthread_t thread_{};
  bool joined_ = false;
};

}  // namespace coterie::detail
