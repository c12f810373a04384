#pragma once
#include <cstdint>
#include <ctime>

namespace chaos {

/// Where the log of writes ends now; -1 where the descriptor is none of a SQLite file, or nobody asked for
/// the log.
[[nodiscard]] std::int64_t log_position(int fd) noexcept;

/// What had been written to the descriptor's file when the log ended there, at that time, is on the disk.
void note_sync(int fd, std::int64_t position, const timespec& began) noexcept;

}  // namespace chaos
