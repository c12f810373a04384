#pragma once
#include <array>

#include "coterie/io/process.hpp"
#include "src/io/descriptor.hpp"

namespace coterie::io::detail {

/// A process that was just started, with our ends of its pipes.
struct Child {
  pid_t pid = -1;
  std::array<UniqueFd, 3> pipes;
  Child() = default;
};

/// vfork and exec; see Process. Whoever gets it must reap it.
[[nodiscard]] Child start_child(const ProcessOptions& options);

/// Process groups whose leader has not been reaped, of all loops: so that a process that ends at once takes
/// them along.
void remember_group(pid_t pid);
void forget_group(pid_t pid) noexcept;
void kill_all_groups() noexcept;

/// Tells a ProcessOptions::group_watcher that the group of `pid` ends; before it is reaped.
void tell_group_ends(int watcher, pid_t pid) noexcept;

}  // namespace coterie::io::detail
