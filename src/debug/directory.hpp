#pragma once
#include <string>
#include <vector>

namespace coterie::debug {

/// Where processes of this user put their debug sockets: `$XDG_RUNTIME_DIR/coterie`, else `coterie-<uid>` in
/// the folder for temporary files. This process puts its own into the first that can be had; others may have
/// been started with another environment.
[[nodiscard]] std::vector<std::string> socket_directories();

/// Makes it, for this user alone. std::runtime_error where something else stands there, or another user may
/// look into it.
void make_socket_directory(const std::string& path);
/// The first of socket_directories() that this works for. std::runtime_error: none, and what is wrong with
/// the first.
[[nodiscard]] std::string make_a_socket_directory();
/// Whether it is this user's alone.
[[nodiscard]] bool is_private_directory(const std::string& path);

/// The sockets in it, by name: <pid>.sock. At most 10,000.
[[nodiscard]] std::vector<std::string> sockets_in(const std::string& directory);
/// Connects to a debug socket; -1 and errno. Nobody listens: the socket is stale, and is removed.
[[nodiscard]] int connect_to(const std::string& path);

}  // namespace coterie::debug
