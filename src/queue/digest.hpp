#pragma once
#include <string>
#include <string_view>

namespace coterie::queue {

/// In 40 lower-case hexadecimal digits. For names that others give by it, not against anybody who wishes ill.
[[nodiscard]] std::string sha1_hex(std::string_view text);

}  // namespace coterie::queue
