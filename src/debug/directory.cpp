#include "src/debug/directory.hpp"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>

namespace coterie::debug {
namespace {

constexpr std::size_t most_sockets = 10'000;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : "";
}

}  // namespace

std::vector<std::string> socket_directories() {
  const std::string user = std::to_string(::geteuid());
  std::vector<std::string> found;
  const auto add = [&](const std::string& path) {
    if (std::find(found.begin(), found.end(), path) == found.end()) found.push_back(path);
  };
  if (const std::string folder = environment("XDG_RUNTIME_DIR"); !folder.empty()) add(folder + "/coterie");
  const std::string temporary = environment("TMPDIR");
  add((temporary.empty() ? "/tmp" : temporary) + "/coterie-" + user);
  add("/tmp/coterie-" + user);
  add("/run/user/" + user + "/coterie");
  return found;
}

bool is_private_directory(const std::string& path) {
  struct stat its{};
  return ::lstat(path.c_str(), &its) == 0 && S_ISDIR(its.st_mode) && its.st_uid == ::geteuid() &&
         (its.st_mode & 077) == 0;
}

void make_socket_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    throw std::runtime_error("cannot make " + path + " for debug sockets: " + std::strerror(errno));
  if (!is_private_directory(path))
    throw std::runtime_error(path + " is not a folder of this user alone: remove it, or chmod 700");
}

std::string make_a_socket_directory() {
  std::exception_ptr first;
  for (const std::string& path : socket_directories()) try {
      make_socket_directory(path);
      return path;
    } catch (const std::runtime_error&) {
      if (!first) first = std::current_exception();
    }
  std::rethrow_exception(first);
}

std::vector<std::string> sockets_in(const std::string& directory) {
  std::vector<std::string> found;
  if (!is_private_directory(directory)) return found;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), &::closedir);
  while (open != nullptr && found.size() < most_sockets) {
    const dirent* const entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name.size() > 5 && name.ends_with(".sock") &&
        std::all_of(name.begin(), name.end() - 5, [](char c) { return c >= '0' && c <= '9'; }))
      found.push_back(directory + "/" + name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const timeval patience{2, 0};  // where too many ask at once
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  ::close(fd);
  // A socket gets this name only when somebody listens at it: see DebugServer.
  if (error == ECONNREFUSED) ::unlink(path.c_str());
  errno = error;
  return -1;
}

}  // namespace coterie::debug
