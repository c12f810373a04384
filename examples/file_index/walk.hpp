#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <stop_token>

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

/// Everything below `folder`, on the thread that calls. What cannot be entered is listed too: its job will
/// say why. Links are not followed, so a circle of them is none; one that leads nowhere is listed.
[[nodiscard]] Listing list_files(const std::string& folder, const std::stop_token& stop);

}  // namespace file_index
