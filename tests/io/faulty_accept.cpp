#include "io/faulty_accept.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace coterie::io_test {
namespace {
std::deque<int>& errors_to_come() {
  static std::deque<int> errors;
  return errors;
}
}  // namespace

FaultyAccept::FaultyAccept(std::deque<int> errors) {
  errors_to_come() = std::move(errors);
}
FaultyAccept::~FaultyAccept() {
  errors_to_come().clear();
}
std::size_t FaultyAccept::left() {
  return errors_to_come().size();
}

}  // namespace coterie::io_test

/// Instead of the C library's, for the whole program.
extern "C" int accept4(int fd, sockaddr* address, socklen_t* bytes, int flags) {
  auto& errors = coterie::io_test::errors_to_come();
  if (!errors.empty()) {
    errno = errors.front();
    errors.pop_front();
    return -1;
  }
  return static_cast<int>(::syscall(SYS_accept4, fd, address, bytes, flags));
}
