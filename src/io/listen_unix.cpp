#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "coterie/io/listen.hpp"
#include "src/io/listener_state.hpp"

namespace coterie::io {
namespace {

using detail::FileIdentity;
using detail::UniqueFd;

[[noreturn]] void throw_in_use(const std::string& path, const char* why) {
  detail::throw_errno(EADDRINUSE, "cannot listen at " + path + ": " + why);
}

/// Whether a listener stands behind the socket's file, even one that is too busy to answer.
bool somebody_listens(const Endpoint& at) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (probe.get() < 0) detail::throw_errno(errno, "cannot look who listens at " + at.str());
  return ::connect(probe.get(), at.address(), at.bytes()) == 0 || errno != ECONNREFUSED;
}

/// Takes away what was found stale, and nothing else: another process may have put its own there meanwhile.
/// So it is moved aside first, and put back if it is not the one.
void remove_stale(const std::string& path, const FileIdentity& stale) {
  const std::string aside = path + ".stale-" + std::to_string(::getpid());
  if (::rename(path.c_str(), aside.c_str()) != 0) return;  // gone already; bind() sees what is there
  struct stat info{};
  if (::lstat(aside.c_str(), &info) == 0 && FileIdentity(info) == stale)
    ::unlink(aside.c_str());
  else
    (void)::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE);
}

void make_way(const std::string& path, const Endpoint& at) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode)) throw_in_use(path, "something that is no socket stands there");
  if (somebody_listens(at)) throw_in_use(path, "somebody listens there");
  remove_stale(path, FileIdentity(info));
}

}  // namespace

Listener listen_unix(const std::string& path, const ListenOptions& options) {
  const Endpoint at = Endpoint::unix_path(path);
  make_way(path, at);
  auto state = std::make_shared<detail::ListenerState>(options);
  UniqueFd socket = detail::bound_socket(at, options);
  // Nobody can connect before listen(), so there is no moment with other permissions.
  struct stat info{};
  const bool modes = !options.mode || ::chmod(path.c_str(), static_cast<mode_t>(*options.mode)) == 0;
  if (!modes || ::lstat(path.c_str(), &info) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    detail::throw_errno(error, "cannot listen at " + path);
  }
  state->path = path;
  state->file = FileIdentity(info);
  state->add(std::move(socket), at);
  return Listener(std::move(state));
}

}  // namespace coterie::io
