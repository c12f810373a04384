#pragma once
#include <cstdint>

namespace chaos {

/// Where the log of writes ends now; -1 where the descriptor is none of a SQLite file, or nobody asked for
/// the log.
[[nodiscard]] std::int64_t log_position(int fd) noexcept;

/// What had been written to the descriptor's file when the log ended there is on the disk.
void note_sync(int fd, std::int64_t position) noexcept;

}  // namespace chaos
