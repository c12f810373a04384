#pragma once
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "coterie/io/listen.hpp"
#include "coterie/sync/event.hpp"
#include "src/io/descriptor.hpp"

namespace coterie::io::detail {

/// A connection as it comes from the kernel.
struct Accepted {
  Accepted() = default;
  Accepted(Descriptor connected, std::string from, const StreamOptions& chosen)
      : socket(std::move(connected)), peer(std::move(from)), options(chosen) {}
  Descriptor socket;
  std::string peer;
  StreamOptions options;
};

/// Which file a path meant: numbers of inodes come again, so the time counts too.
struct FileIdentity {
  FileIdentity() = default;
  explicit FileIdentity(const struct stat& info)
      : device(info.st_dev), inode(info.st_ino), made(info.st_mtim) {}
  dev_t device = 0;
  ino_t inode = 0;
  timespec made{};
  friend bool operator==(const FileIdentity& one, const FileIdentity& other) noexcept {
    return one.device == other.device && one.inode == other.inode && one.made.tv_sec == other.made.tv_sec &&
           one.made.tv_nsec == other.made.tv_nsec;
  }
};

struct ListenerState {
  static constexpr std::size_t most_sockets = 8;

  explicit ListenerState(const ListenOptions& chosen) : options(chosen) {}
  ListenerState(const ListenerState&) = delete;
  ListenerState& operator=(const ListenerState&) = delete;
  ~ListenerState() { close(); }
  void close() noexcept;
  /// A socket that was bound begins to listen.
  void add(UniqueFd socket, const Endpoint& at);

  const ListenOptions options;
  std::vector<Descriptor> sockets;
  std::vector<Endpoint> endpoints;
  std::string name;
  std::string path;  // of a Unix socket
  FileIdentity file;
  std::size_t turn = 0;    // which socket is asked first
  bool exhausted = false;  // and the handler was told
  Event closed;
};

/// A socket with the options of a listener; std::system_error names the address.
[[nodiscard]] UniqueFd bound_socket(const Endpoint& at, const ListenOptions& options);
/// Where a socket is bound.
[[nodiscard]] Endpoint endpoint_of(int fd);

}  // namespace coterie::io::detail
