#include "src/threads/native_thread.hpp"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <system_error>
#include <utility>

namespace coterie::detail {

NativeThread::NativeThread(std::string name, std::size_t stack_bytes, std::function<void()> body)
    : name_(std::move(name)), body_(std::move(body)) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t least = std::max<std::size_t>(stack_bytes, PTHREAD_STACK_MIN);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  int error = pthread_attr_setstacksize(&attributes, (least + page - 1) / page * page);
  if (error == 0) error = pthread_create(&thread_, &attributes, &NativeThread::enter, this);
  pthread_attr_destroy(&attributes);
  if (error != 0)
    throw std::system_error(error, std::generic_category(), "cannot start the thread '" + name_ + "'");
}

NativeThread::~NativeThread() {
  join();
}

void NativeThread::join() noexcept {
  if (std::exchange(joined_, true)) return;
  pthread_join(thread_, nullptr);
}

void* NativeThread::enter(void* self) noexcept {
  auto& thread = *static_cast<NativeThread*>(self);
  pthread_setname_np(pthread_self(), thread.name_.substr(0, 15).c_str());
  thread.body_();
  return nullptr;
}

}  // namespace coterie::detail
