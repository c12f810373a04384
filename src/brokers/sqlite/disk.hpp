#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/brokers/findings.hpp"

namespace coterie::brokers::sqlite {

/// Looks at where a file stands: kind of file system, room, how long a sync takes. `folder` exists.
void look_at_disk(const std::string& path, const std::string& folder, Findings& out);

/// The size of a file, or nothing where there is none.
[[nodiscard]] std::optional<std::uint64_t> size_of(const std::string& path);

}  // namespace coterie::brokers::sqlite
