#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "coterie/task.hpp"

namespace file_index {

struct Entry {
  std::string path;
  std::uint64_t bytes = 0;
  Entry() = default;
};

struct Listing {
  std::vector<Entry> entries;  ///< everything that is to become a job
  std::uint64_t links = 0;     ///< symbolic links that lead somewhere: not followed
  Listing() = default;
};

/// Everything below `folder`, read on a thread of the pool, which stops when the wait is cancelled. What
/// cannot be entered is listed too: its job will say why. Links are not followed, so a circle of them is
/// none; one that leads nowhere is listed. What begins with `skip`, unless that is empty, is passed over: our
/// own database, and what stands beside it.
[[nodiscard]] coterie::Task<Listing> list_files(std::string folder, std::string skip);

}  // namespace file_index
